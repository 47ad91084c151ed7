"""The official OpenAI clients for JavaScript and Python, unchanged, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import uvicorn

from chatsphere.config.asgi import handler
from tests.apps.conversations.world import Caller, ScriptedModel

pytestmark = pytest.mark.django_db(transaction=True)
PACKAGE = "openai@6.49.0"
ANSWER = "Spare chargers are kept in locker B-17 [1]."
SCRIPT = """
import OpenAI from "openai";
const client = new OpenAI({ apiKey: process.env.KEY, baseURL: process.env.URL, maxRetries: 0 });
const messages = [{ role: "user", content: "Where are the spare chargers kept?" }];
const out = {};
out.models = (await client.models.list()).data.map((model) => model.id);
const whole = await client.chat.completions.create({ model: "help", messages });
out.whole = whole.choices[0].message.content;
out.finish = whole.choices[0].finish_reason;
out.citations = whole.chatsphere.citations.length;
const stream = await client.chat.completions.create({ model: "help", messages, stream: true, stream_options: { include_usage: true } });
out.streamed = ""; out.usage = null;
for await (const chunk of stream) {
  out.streamed += chunk.choices[0]?.delta?.content ?? "";
  out.usage = chunk.usage ?? out.usage;
}
const runner = client.chat.completions.stream({ model: "help", messages });
out.gathered = (await runner.finalChatCompletion()).choices[0].message.content;
try { await client.chat.completions.create({ model: "nobody", messages }); }
catch (error) { out.error = [error.constructor.name, error.status, error.code]; }
try { await new OpenAI({ apiKey: "cs_sk_none", baseURL: process.env.URL, maxRetries: 0 }).models.list(); }
catch (error) { out.refused = [error.constructor.name, error.status]; }
console.log(JSON.stringify(out));
"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A web server around the application, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(handler, port=0, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    await serving


async def run(*command: str, cwd: Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 90)
    if process.returncode:
        raise RuntimeError(errors.decode()[-500:])
    return out.decode()


@pytest.fixture
async def javascript() -> Path:
    """A folder with the client from npm, kept between runs."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node and npm are not on this machine")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "chatsphere-tests" / PACKAGE.replace("@", "-")
    if not (folder / "node_modules" / "openai").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
        try:
            await run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE, cwd=folder)
        except (RuntimeError, TimeoutError) as error:
            pytest.skip(f"the package of npm cannot be installed: {error}")
    return folder


async def test_the_javascript_client_works_unchanged(
    javascript: Path, url: str, caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    script = javascript / f"check-{os.getpid()}.mjs"
    script.write_text(SCRIPT, encoding="utf-8")
    try:
        out = json.loads(await run("node", script.name, cwd=javascript, KEY=caller.token, URL=url))
    finally:
        script.unlink()
    assert out["models"] == ["help"]
    assert {out["whole"], out["streamed"], out["gathered"]} == {ANSWER}
    assert (out["finish"], out["citations"]) == ("stop", 1)
    assert out["usage"]["prompt_tokens"] == 100
    assert out["error"] == ["NotFoundError", 404, "model_not_found"]
    assert out["refused"] == ["AuthenticationError", 401]


async def test_the_blocking_python_client_works_unchanged(
    url: str, caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    def ask() -> str:
        with openai.OpenAI(api_key=caller.token, base_url=url, max_retries=0) as client:
            stream = client.chat.completions.create(
                model="help", messages=[{"role": "user", "content": "Where are the chargers?"}], stream=True
            )
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert await asyncio.to_thread(ask) == ANSWER
