"""``chatsphere ingest``: files and folders become sources, with a progress bar."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chatsphere.cli.client import FINAL_STATES, ApiClient, Failure, connect, server_options

UPLOADS_AT_ONCE = 4
POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Item:
    """A file and the name that its source gets."""

    path: Path
    name: str


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--chatbot", required=True, help="Its id, slug or name.")
@server_options
def ingest(paths: Sequence[Path], chatbot: str, url: str, token: str) -> None:
    """Train a chatbot on files and on everything in folders, hidden files left out. A file with the name of one that is there replaces it;
    where several have that name, nothing is replaced.

    Exit code 0: everything is ready; 1: something could not be read, and why.
    """
    items = list(find_files(paths))
    if not items:
        raise Failure("There is no file to read in these folders.")
    _require_own_names(items)
    console = Console(highlight=False)
    with connect(url, token) as client:
        sources = train(console, client, client.find_chatbot(chatbot)["id"], items)
    failed = report(console, sources)
    if failed:
        raise Failure(f"{failed} of {len(sources)} sources could not be read.")


def find_files(paths: Iterable[Path]) -> Iterator[Item]:
    """Files as they are named; folders with everything below them, sorted, hidden names left out."""
    for path in paths:
        if path.is_file():
            yield Item(path, path.name)
        else:
            inside = (file.relative_to(path) for file in sorted(path.rglob("*")) if file.is_file())
            yield from (
                Item(path / name, name.as_posix())
                for name in inside
                if not any(part.startswith(".") for part in name.parts)
            )


def _require_own_names(items: Sequence[Item]) -> None:
    """Two files of one name would replace each other the next time."""
    paths: dict[str, set[Path]] = defaultdict(set)
    for item in items:
        paths[item.name].add(item.path.resolve())
    for name, same in sorted(paths.items()):
        if len(same) > 1:
            first, second, *_ = sorted(same)
            raise Failure(
                f"{first} and {second} would both be called {name}. Name a folder that holds both, so that their names tell them apart."
            )


def _only_one(name: str, source_ids: Sequence[str]) -> str:
    if len(source_ids) > 1:
        raise Failure(
            f"{len(source_ids)} sources of this chatbot are called {name}, so none was replaced. Delete or rename all but one "
            f"(DELETE or PATCH /api/v1/sources/ID/): {', '.join(source_ids)}."
        )
    return source_ids[0]


def train(console: Console, client: ApiClient, chatbot_id: str, items: Sequence[Item]) -> list[Mapping[str, Any]]:
    """Upload everything and wait until each source is ready, partial, failed or cancelled. Files that are there already, by name, are replaced."""
    there = client.pages(f"/api/v1/chatbots/{chatbot_id}/sources/?source_type=file")
    known: dict[str, list[str]] = defaultdict(list)
    for source in there:
        known[source["name"]].append(source["id"])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        uploading = progress.add_task("Uploading", total=len(items))
        training = progress.add_task("Training ", total=len(items))

        def upload(item: Item) -> Mapping[str, Any]:
            try:
                if item.name in known:
                    return client.replace(_only_one(item.name, known[item.name]), item.path)
                return client.upload(chatbot_id, item.path, item.name)
            except Failure as error:
                return {"name": item.name, "status": "failed", "error": {"message": error.message}}
            finally:
                progress.advance(uploading)

        sources = list(threads.map(upload, items))
        return _wait(client, chatbot_id, sources, lambda done: progress.update(training, completed=done))


def _wait(client: ApiClient, chatbot_id: str, sources: list[Mapping[str, Any]], show: Any) -> list[Mapping[str, Any]]:
    known = {source.get("id", source["name"]): source for source in sources}
    while True:
        waiting = {key for key, source in known.items() if source["status"] not in FINAL_STATES}
        show(len(known) - len(waiting))
        if not waiting:
            return list(known.values())
        time.sleep(POLL_SECONDS)
        for source in client.pages(f"/api/v1/chatbots/{chatbot_id}/sources/"):
            if source["id"] in waiting:
                known[source["id"]] = source


def report(console: Console, sources: Sequence[Mapping[str, Any]]) -> int:
    """One line in sum, one line for each source with a problem; returns how many failed."""
    chunks = sum(source.get("chunks_count", 0) for source in sources)
    good = [source for source in sources if source["status"] in ("ready", "partial")]
    console.print(f"{len(good)} of {len(sources)} sources ready, {chunks} chunks.")
    for source in sources:
        if source.get("error"):
            console.print(f"  {source['name']}: {source['error']['message']}", markup=False)
        elif source["status"] == "cancelled":
            console.print(f"  {source['name']}: cancelled", markup=False)
        elif source["status"] == "partial":
            console.print(f"  {source['name']}, in part: {' '.join(source['warnings'])}", markup=False)
    return len(sources) - len(good)
