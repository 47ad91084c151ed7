"""The command line against a running platform."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import CHATSPHERE, Account, clean_environment

pytestmark = pytest.mark.xdist_group("platform")


def run(*arguments: str, account: Account | None = None, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = clean_environment(COLUMNS="200")
    if account:
        environment |= {"CHATSPHERE_URL": url or account.url, "CHATSPHERE_TOKEN": account.token}
    return subprocess.run(
        [str(CHATSPHERE), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "opening.md").write_text("# Opening hours\n\nThe Lindenau library opens at ten on Saturdays.\n")
    (tmp_path / "inner" / "fees.txt").write_text("A lost library card costs four euros and fifty cents.\n")
    (tmp_path / ".hidden").write_text("never read")
    return tmp_path


def test_ingest_trains_on_a_folder_and_ask_prints_the_cited_answer(account: Account, folder: Path) -> None:
    ingested = run("ingest", str(folder), "--chatbot", account.chatbot["slug"], account=account)
    assert ingested.returncode == 0, ingested.stderr
    assert "2 of 2 sources ready" in ingested.stdout
    asked = run("ask", "What does a lost library card cost?", "--chatbot", account.chatbot["id"], account=account)
    assert asked.returncode == 0, asked.stderr
    assert "four euros and fifty cents" in asked.stdout
    assert "[1] inner/fees.txt" in asked.stdout


def test_ingest_again_replaces_what_has_the_same_name(account: Account, folder: Path) -> None:
    def ask() -> str:
        question = "What does a lost library card cost?"
        return run("ask", question, "--chatbot", account.chatbot["id"], account=account).stdout

    assert run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account).returncode == 0
    assert "four euros" in ask()
    (folder / "inner" / "fees.txt").write_text("A lost library card costs seven euros.\n")
    again = run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account)
    assert "2 of 2 sources ready" in again.stdout
    answer = ask()
    assert ("seven euros" in answer, "four euros" in answer) == (True, False)


def test_ingest_tells_what_was_left_out(account: Account, folder: Path) -> None:
    (folder / "cards.jsonl").write_text('{"card": "lost", "euros": 4}\n{"card": "new", "euros": 2}\n{"card":\n')
    ingested = run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account)
    assert ingested.returncode == 0, ingested.stderr
    assert "cards.jsonl, in part: Line 3 is no JSON and left out." in ingested.stdout


def test_ingest_replaces_nothing_when_several_sources_have_the_name(account: Account, folder: Path) -> None:
    assert run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account).returncode == 0
    sources = f"{account.url}/api/v1/chatbots/{account.chatbot['id']}/sources/"
    again = {"file": ("fees.txt", b"A lost library card costs five euros."), "name": (None, b"inner/fees.txt")}
    headers = {"Authorization": f"Bearer {account.token}"}
    assert httpx2.post(sources, files=again, headers=headers).status_code == 202
    refused = run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account)
    assert refused.returncode == 1
    assert "2 sources of this chatbot are called inner/fees.txt, so none was replaced." in refused.stdout
    assert refused.stderr.strip() == "Error: 1 of 2 sources could not be read."


def test_ingest_refuses_two_files_that_would_have_one_name(account: Account, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "fees.txt").write_text("Other fees.")
    paths = [str(folder / "inner"), str(folder / "other")]
    refused = run("ingest", *paths, "--chatbot", account.chatbot["id"], account=account)
    assert refused.returncode == 1
    assert "would both be called fees.txt. Name a folder that holds both" in refused.stderr


def test_ask_exits_with_three_when_the_sources_do_not_have_it(account: Account, folder: Path) -> None:
    assert run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account).returncode == 0
    asked = run("ask", "How do volcanoes form?", "--chatbot", account.chatbot["id"], account=account)
    assert asked.returncode == 3, asked.stdout


def test_ingest_names_the_file_that_could_not_be_read(account: Account, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
    ingested = run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account)
    assert ingested.returncode == 1
    assert "broken.pdf: " in ingested.stdout
    assert ingested.stderr.strip() == "Error: 1 of 3 sources could not be read."


def test_errors_are_one_sentence(account: Account, folder: Path) -> None:
    unknown = run("ask", "Hello?", "--chatbot", "no-such-one", account=account)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.strip() == "Error: There is no chatbot named 'no-such-one' in this workspace."
    nobody = run("ask", "Hello?", "--chatbot", "x", account=account, url="http://127.0.0.1:9")
    assert nobody.returncode == 1
    assert "cannot be reached" in nobody.stderr
    without_token = run("ask", "Hello?", "--chatbot", "x")
    assert "CHATSPHERE_TOKEN" in without_token.stderr
    missing_path = run("ingest", "/no/such/path", "--chatbot", "x", account=account)
    assert missing_path.returncode == 2


def test_evaluate_asks_a_file_of_questions_and_its_exit_code_tells_whether_it_was_good_enough(
    account: Account, folder: Path, tmp_path: Path
) -> None:
    assert run("ingest", str(folder), "--chatbot", account.chatbot["id"], account=account).returncode == 0
    questions = tmp_path / "questions.csv"
    questions.write_text(
        "question,answers,expects\n"
        "What does a lost library card cost?,four euros and fifty cents,\n"
        "When does the Lindenau library open on Saturdays?,ten,\n"
        "How do volcanoes form?,,refusal\n"
    )
    common = ("evaluate", "--chatbot", account.chatbot["id"], "--test-set", "Basics")
    good = run(*common, "--questions", str(questions), "--min-score", "0.9", account=account)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "3 questions" in good.stdout
    again = run(*common, "--tolerance", "0", account=account)
    assert again.returncode == 0, again.stdout + again.stderr
    account.http.patch(f"/api/v1/chatbots/{account.chatbot['id']}/", json={"configuration": {"min_score": 1.0}})
    for _run in ("the first", "and unchanged, a second"):
        broken = run(*common, "--tolerance", "0", account=account)
        assert broken.returncode == 3, broken.stdout + broken.stderr
    account.http.patch(f"/api/v1/chatbots/{account.chatbot['id']}/", json={"configuration": {"min_score": None}})
    questions.write_text("question,answers\nWhat does a lost library card cost?,a fortune\nWho lends ladders?,nobody\n")
    bad = run(*common, "--questions", str(questions), "--min-score", "0.9", account=account)
    assert bad.returncode == 3, bad.stdout + bad.stderr
