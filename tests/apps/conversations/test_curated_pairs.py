"""A pair of question and answer, trained as an editor adds it, is given word for word at the chat endpoint, without a model."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import TrainingSource
from tests.apps.conversations.world import Caller, ScriptedModel, parse, read_all
from tests.apps.training.world import GUIDE, trained

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = [
    {"question": "How do I return a parcel?", "answer": "Print the label;\n\nthen post it within *thirty* days."},
    {"question": "What does delivery cost?", "answer": "4.50 € — nothing above 50 €."},
]


@pytest.fixture
def shop(alice: Any) -> Chatbot:
    chatbot: Chatbot = Chatbot.objects.create(workspace=alice.default_workspace, name="Shop", slug="shop")
    _trained(chatbot)
    return chatbot


def _trained(chatbot: Chatbot) -> TrainingSource:
    trained(chatbot, GUIDE)
    return trained(chatbot, source_type="qa", name="Shop", options={"pairs": PAIRS})


@pytest.mark.parametrize("pair", PAIRS, ids=["paragraphs", "signs"])
async def test_its_answer_is_given_word_for_word(
    pair: dict[str, str], caller: Caller, shop: Chatbot, model: ScriptedModel
) -> None:
    asked = pair["question"].lower().removesuffix("?")
    message = (await caller.ask(shop, asked)).json()["message"]
    assert message["content"] == f"{pair['answer']} [1]"
    assert (message["model"], message["grounded"]) == ("curated", True)
    assert [citation["quote"] for citation in message["citations"]] == [pair["answer"]]
    assert model.prompts == [], "no model is asked"


async def test_a_stream_of_it_has_the_same_words(caller: Caller, shop: Chatbot, model: ScriptedModel) -> None:
    events = parse(await read_all(await caller.ask_streamed(shop, PAIRS[1]["question"])))
    text = "".join(data["text"] for _, name, data in events if name == "message.delta")
    assert text == f"{PAIRS[1]['answer']} [1]"


async def test_an_edited_answer_is_the_one_that_is_given(
    caller: Caller, shop: Chatbot, model: ScriptedModel, alice: Any, client_of: Any
) -> None:
    from tests.apps.training.world import work

    [source] = await sync_to_async(lambda: list(TrainingSource.objects.filter(source_type="qa")))()
    pairs = [PAIRS[0], PAIRS[1] | {"answer": "Five euros."}]

    def edit() -> int:
        status: int = (
            client_of(alice).patch(f"/api/v1/sources/{source.pk}/", {"pairs": pairs}, format="json").status_code
        )
        work()
        return status

    assert await sync_to_async(edit)() == 200
    message = (await caller.ask(shop, PAIRS[1]["question"])).json()["message"]
    assert message["content"] == "Five euros. [1]"
