"""The official OpenAI client against /v1/, unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from django.core.asgi import get_asgi_application

from chatsphere.apps.conversations.models import Conversation
from chatsphere.services.errors import UpstreamTimeout
from tests.apps.conversations.world import Caller, ScriptedModel, change, rows

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION: Any = [{"role": "user", "content": "Where are the spare chargers kept?"}]
ANSWER = "Spare chargers are kept in locker B-17 [1]."


@pytest.fixture
async def client(caller: Caller) -> AsyncIterator[openai.AsyncOpenAI]:
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(get_asgi_application()))
    async with openai.AsyncOpenAI(
        api_key=caller.token, base_url="http://localhost/v1", http_client=http, max_retries=0
    ) as made:
        yield made


async def test_chatbots_are_models(client: openai.AsyncOpenAI, chatbot: Any) -> None:
    listed = [model async for model in client.models.list()]
    assert [model.id for model in listed] == ["help"]
    assert (await client.models.retrieve("help")).id == "help"
    assert (await client.models.retrieve(str(chatbot.pk))).owned_by == "chatsphere"


@pytest.mark.parametrize("by", ["id", "slug"])
async def test_a_completion_is_an_answer(
    client: openai.AsyncOpenAI, chatbot: Any, model: ScriptedModel, by: str
) -> None:
    name = str(chatbot.pk) if by == "id" else chatbot.slug
    completion = await client.chat.completions.create(model=name, messages=QUESTION)
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == (ANSWER, "stop")
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 100
    extension: Any = completion.model_extra
    assert extension["chatsphere"]["citations"][0]["index"] == 1
    [conversation] = await rows(Conversation)
    assert str(conversation.pk) == extension["chatsphere"]["conversation_id"]
    assert conversation.channel == "openai"


async def test_a_streamed_completion_ends_with_its_usage(
    client: openai.AsyncOpenAI, chatbot: Any, model: ScriptedModel
) -> None:
    stream = await client.chat.completions.create(
        model="help", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 100
    assert len({chunk.id for chunk in chunks}) == 1


async def test_earlier_messages_are_the_history_and_system_ones_instructions(
    client: openai.AsyncOpenAI, chatbot: Any, model: ScriptedModel
) -> None:
    earlier: Any = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "Where are the spare chargers kept?"},
        {"role": "assistant", "content": ANSWER},
    ]
    parts: Any = [{"type": "text", "text": "And where is that locker?"}]
    await client.chat.completions.create(
        model="help", messages=[*earlier, {"role": "user", "content": parts}], temperature=0.7, max_tokens=50
    )
    [prompt] = model.prompts
    assert (prompt.question, prompt.instructions) == ("And where is that locker?", "Speak like a pirate.")
    assert [turn.role for turn in prompt.history] == ["user", "assistant"]
    assert (prompt.temperature, prompt.max_output_tokens) == (0.7, 50)


async def test_a_stored_conversation_goes_on(client: openai.AsyncOpenAI, chatbot: Any, model: ScriptedModel) -> None:
    first: Any = (await client.chat.completions.create(model="help", messages=QUESTION)).model_extra
    ours = {"chatsphere": {"conversation_id": first["chatsphere"]["conversation_id"]}}
    await client.chat.completions.create(model="help", messages=QUESTION, extra_body=ours)
    assert len(await rows(Conversation)) == 1
    assert [turn.text for turn in model.prompts[-1].history] == [QUESTION[0]["content"], ANSWER]


async def test_errors_have_openais_shape(
    client: openai.AsyncOpenAI, chatbot: Any, alice: Any, model: ScriptedModel
) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="nobody", messages=QUESTION)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.chat.completions.create(model="help", messages=[{"role": "assistant", "content": "hi"}])
    assert wrong.value.param == "messages"
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="cs_sk_wrong").models.list()
    model.error = UpstreamTimeout()
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="help", messages=QUESTION)
    with pytest.raises(openai.APIError):
        [_ async for _ in await client.chat.completions.create(model="help", messages=QUESTION, stream=True)]
    await change(alice.default_workspace, usage_limit=0)
    with pytest.raises(openai.APIStatusError) as used_up:
        await client.chat.completions.create(model="help", messages=QUESTION)
    assert used_up.value.status_code == 402


async def test_a_path_that_is_not_there_is_told_in_openais_shape(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await client.embeddings.create(model="help", input="Where?")
    body: Any = refused.value.body
    assert (body["type"], body["param"], body["code"]) == ("invalid_request_error", None, "not_found")
    assert isinstance(body["message"], str)
