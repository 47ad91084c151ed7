"""``chatsphere demo``: the whole platform in a minute, over its public HTTP API and nothing else."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from chatsphere.cli.answers import print_answer, print_citations
from chatsphere.cli.client import ApiClient, Failure
from chatsphere.cli.ingest import Item, find_files, report, train
from chatsphere.embedded.stack import Stack

OWN_DOCS = Path(__file__).resolve().parents[2] / "docs"
FAR_OFF = "Who painted the ceiling of the Sistine Chapel?"  # no page of docs/ may hold it: a test looks
QUESTIONS = (
    "For how long can a deleted chatbot be restored?",
    "How long does a worker hold a lease?",
    "Which variable sets the largest file that may be uploaded?",
    FAR_OFF,
)


@click.command()
@click.option(
    "--docs", type=click.Path(exists=True, path_type=Path), help="Your own folder; ChatSphere's docs otherwise."
)
@click.option("--question", "questions", multiple=True, help="Ask this instead; may be given several times.")
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="PORT", default=8000, show_default=True)
@click.option(
    "--data-dir", envvar="DATA_DIR", default=Path(".chatsphere"), type=click.Path(path_type=Path), show_default=True
)
def demo(docs: Path | None, questions: Sequence[str], host: str, port: int, data_dir: Path) -> None:
    """Start everything, train a chatbot on real documents, ask it, and check each quote."""
    console = Console(soft_wrap=True, highlight=False)
    began = time.monotonic()
    folder = docs or OWN_DOCS
    items = list(find_files([folder]))
    if not items:
        raise Failure(f"There is no file to read in {folder}.")
    console.print("Starting PostgreSQL, Redis, embedding model, web, workers and beat …")
    with Stack(data_dir=data_dir, host=host, port=port) as stack, ApiClient(stack.url) as anonymous:
        console.print(f"Ready at {stack.url} after {time.monotonic() - began:.1f} s.\n")
        account = sign_in(anonymous, data_dir / "demo.json")
        with ApiClient(stack.url, account["access"]) as client:
            chatbot = make_chatbot(client)
            console.print(f"Signed in as {account['email']}; made the chatbot {chatbot['name']!r}.")
            if report(console, train(console, client, chatbot["id"], items)) == len(items):
                raise Failure("None of these documents could be read.")
            asked = questions or (QUESTIONS if docs is None else (*own_questions(client, chatbot["id"]), FAR_OFF))
            converse(console, client, chatbot["id"], asked, {item.name: item for item in items})
        how_to_go_on(console, account, chatbot, host, port, data_dir, time.monotonic() - began)


def sign_in(client: ApiClient, memory: Path) -> dict[str, str]:
    """The demo's own account: registered the first time, remembered in the data directory."""
    if memory.exists():
        account: dict[str, str] = json.loads(memory.read_text(encoding="utf-8"))
        try:
            tokens = client.post("/api/v1/auth/token/", {k: account[k] for k in ("email", "password")})
            return {**account, "access": tokens["access"]}
        except Failure:
            memory.unlink()  # another database: the account is gone with the old one
    account = {"email": f"demo-{secrets.token_hex(3)}@example.com", "password": secrets.token_urlsafe(12)}
    answer = client.post("/api/v1/auth/register/", {**account, "company_name": "Demo"})
    memory.write_text(json.dumps(account), encoding="utf-8")
    memory.chmod(0o600)
    return {**account, "access": answer["access"]}


def make_chatbot(client: ApiClient) -> Mapping[str, Any]:
    """A fresh chatbot; the one of an earlier demo goes, so that training starts from nothing."""
    for old in list(client.pages("/api/v1/chatbots/")):
        if old["name"] == "Demo":
            client.delete(f"/api/v1/chatbots/{old['id']}/")
    made: Mapping[str, Any] = client.post("/api/v1/chatbots/", {"name": "Demo"})
    return made


def own_questions(client: ApiClient, chatbot_id: str, most: int = 3) -> Iterator[str]:
    """Questions for a stranger's folder: what its longest documents say under one of their headings."""
    documents = list(client.pages(f"/api/v1/chatbots/{chatbot_id}/sources/"))
    documents.sort(key=lambda source: source["chunks_count"], reverse=True)
    for source in documents[:most]:
        chunks = client.get(f"/api/v1/sources/{source['id']}/chunks/", limit=20)["results"]
        headings = [chunk["heading_path"][-1] for chunk in chunks if chunk["heading_path"]]
        yield (
            f"What about {headings[len(headings) // 2]}?" if headings else f"What is {Path(source['name']).stem} about?"
        )


def converse(
    console: Console, client: ApiClient, chatbot_id: str, questions: Sequence[str], files: Mapping[str, Item]
) -> None:
    """Ask each question, print the streamed answer and check its citations."""
    for question in questions:
        console.print(Text(f"\nYou: {question}", style="bold cyan"))
        console.print(Text("Bot: ", style="bold green"), end="")
        began = time.monotonic()
        message = print_answer(console, client.ask(chatbot_id, question))["message"]
        print_citations(console, message)
        checked = [check_quote(client, citation, files) for citation in message["citations"]]
        if checked:
            where = "the original files" if all(checked) else "the extracted texts"
            console.print(f"  ✓ {len(checked)} quotes found word for word in {where}", style="dim")
        elif message["finish_reason"] == "refused_no_context":
            console.print("  ✓ declined: the documents do not have it", style="dim")
        console.print(f"  {time.monotonic() - began:.2f} s", style="dim")


def check_quote(client: ApiClient, citation: Mapping[str, Any], files: Mapping[str, Item]) -> bool:
    """The quote must stand at its place in the document's text, character for character: Failure otherwise.

    True when the original file, read as text, holds it verbatim too (a PDF or DOCX is no text).
    """
    document = client.get(f"/api/v1/documents/{citation['document_id']}/")
    quote = citation["quote"]
    if document["text"][citation["char_start"] : citation["char_end"]] != quote:
        raise Failure(f"Citation [{citation['index']}] does not stand in {citation['title']} where it says.")
    item = files.get(client.get(f"/api/v1/sources/{citation['source_id']}/")["name"])
    if item is None:
        return False
    original = item.path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")
    return quote in original


def how_to_go_on(
    console: Console,
    account: Mapping[str, str],
    chatbot: Mapping[str, Any],
    host: str,
    port: int,
    data_dir: Path,
    seconds: float,
) -> None:
    """What a newcomer does next."""
    console.print(
        f"\nThat took {seconds:.0f} s. To go on:\n"
        f"  make up                                   the same platform, left running (data in {data_dir})\n"
        f"  http://{host}:{port}/api/docs/            its API; sign in as {account['email']}, password {account['password']}\n"
        f"  make demo DOCS=path/to/your/folder        the same with your documents\n"
        f'  .venv/bin/chatsphere ask "…" --chatbot {chatbot["slug"]}   with CHATSPHERE_TOKEN set to an access token or key',
        markup=False,
    )
