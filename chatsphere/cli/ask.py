"""``chatsphere ask``: a question from the terminal."""

from __future__ import annotations

import click
from rich.console import Console

from chatsphere.cli.answers import print_answer, print_citations
from chatsphere.cli.client import connect, server_options

REFUSED = 3


@click.command()
@click.argument("question")
@click.option("--chatbot", required=True, help="Its id, slug or name.")
@server_options
def ask(question: str, chatbot: str, url: str, token: str) -> None:
    """Ask a chatbot and print the answer as it streams, with its citations.

    Exit code 0: answered; 3: the chatbot says that its sources do not have it; 1: an error.
    """
    console = Console(soft_wrap=True, highlight=False)
    with connect(url, token) as client:
        completed = print_answer(console, client.ask(client.find_chatbot(chatbot)["id"], question))
    print_citations(console, completed["message"])
    if completed["message"]["finish_reason"] == "refused_no_context":
        raise SystemExit(REFUSED)
