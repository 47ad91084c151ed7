"""What visitors of a help centre, a shop and a price list get: at least as many good answers as were measured, and no refusal turned round."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from benchmarks.answer_data import CachedModel
from benchmarks.golden import Asked, ask_all

ANSWERED = {"help": 69, "shop": 42, "prices": 7, "prices as CSV": 7}  # of 73, 43, 7 and 7


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Asked, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHATSPHERE_BENCH_CACHE", str(tmp_path_factory.mktemp("vectors")))
        return asyncio.run(ask_all(CachedModel()))


@pytest.mark.xdist_group("golden")
def test_answerable_questions_are_answered_as_they_should_be(answered: list[tuple[Asked, str]]) -> None:
    met = Counter(each.chatbot for each, answer in answered if not each.refuse and each.is_met_by(answer))
    failed = [(each.question, answer) for each, answer in answered if not each.refuse and not each.is_met_by(answer)]
    assert all(met[chatbot] >= least for chatbot, least in ANSWERED.items()), (met, failed)


@pytest.mark.xdist_group("golden")
def test_questions_without_an_answer_are_refused(answered: list[tuple[Asked, str]]) -> None:
    assert [(each.question, answer) for each, answer in answered if each.refuse and answer] == []
