"""The local model, its server and its client, with the real weights."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from chatsphere.services.ai import embedder_protocol as protocol
from chatsphere.services.ai.local import LocalEmbedder
from chatsphere.services.ai.local_files import MINILM, PackagedFile, local_model_files, locate
from chatsphere.services.ai.local_model import LocalModel, micro_batches
from chatsphere.services.ai.word_meanings import nearest
from chatsphere.services.errors import EngineMisconfigured, UpstreamInvalid, UpstreamUnavailable
from chatsphere.services.types import EmbeddingModel
from tests.stubs.embedder_process import start_embedder, stop_embedder

PASSAGES = [f"Paragraph {number} of a long handbook about refunds and returns. " * 12 for number in range(48)]


def test_server_and_model_in_process_agree(embedder_socket: Path) -> None:
    texts = ["short", "a longer text about refunds", *PASSAGES[:5]]
    served = LocalEmbedder(embedder_socket).embed_passages(texts)
    np.testing.assert_allclose(served, LocalModel(MINILM.model.id).embed(texts), atol=1e-6)


async def test_readings_are_vectors_with_words(embedder_socket: Path) -> None:
    embedder = LocalEmbedder(embedder_socket)
    texts = [*PASSAGES[:40], "", "Refunds take five days."]
    readings = embedder.read_passages(texts)
    np.testing.assert_allclose([each.vector for each in readings], embedder.embed_passages(texts), atol=0.02)
    assert len(readings[-1].words) == 1 + 4 * 24
    assert len(readings[-2].words) == 1  # told, and there are none
    question = await embedder.read_question("How long do refunds take?")
    np.testing.assert_allclose(question.vector, await embedder.embed_query("How long do refunds take?"), atol=1e-5)
    cosines = nearest(question.words, [readings[-1].words])
    assert cosines.shape == (1, 3)
    assert cosines.min() > 0.5


def test_meaning_is_near(embedder_socket: Path) -> None:
    dog, puppy, tax = LocalEmbedder(embedder_socket).embed_passages(
        ["The dog plays outside.", "A puppy is playing in the garden.", "Income tax is due in May."]
    )
    assert dog @ puppy > 0.5 > dog @ tax


def test_tokens_are_counted_as_the_model_counts() -> None:
    embedder = LocalEmbedder("/nowhere")
    assert embedder.count_tokens("hello world") == 4  # with its two special tokens
    assert embedder.count_tokens("") == 2
    assert embedder.count_tokens("hello " * 1000) == 1002


async def test_questions_overtake_passages(embedder_socket: Path) -> None:
    embedder = LocalEmbedder(embedder_socket)
    await embedder.embed_query("warm up")
    worker = threading.Thread(target=embedder.embed_passages, args=(PASSAGES * 2,))
    worker.start()
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await embedder.embed_query("When are refunds paid?")
    took = time.monotonic() - began
    assert worker.is_alive()
    assert took < 0.5
    await asyncio.to_thread(worker.join)


async def test_an_absent_server_is_retryable() -> None:
    embedder = LocalEmbedder("/nowhere/embedder.sock")
    with pytest.raises(UpstreamUnavailable) as caught:
        embedder.embed_passages(["text"])
    assert caught.value.retry_after
    with pytest.raises(UpstreamUnavailable):
        await embedder.embed_query("text")


async def test_clients_survive_a_restart_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "s"
    process = start_embedder(path)
    embedder = LocalEmbedder(path)
    before = embedder.embed_passages(["text"])
    await embedder.embed_query("text")
    process.kill()
    process.communicate()
    with pytest.raises(UpstreamUnavailable):
        await embedder.embed_query("text")
    process = start_embedder(path)  # over the socket file that the killed one left
    try:
        np.testing.assert_allclose(embedder.embed_passages(["text"]), before, atol=1e-6)
        np.testing.assert_allclose(await embedder.embed_query("text"), before[0], atol=1e-6)
    finally:
        assert stop_embedder(process) == 0
    assert not path.exists()


def test_only_its_own_user_may_connect(embedder_socket: Path) -> None:
    assert embedder_socket.stat().st_mode & 0o777 == 0o600


def test_a_second_server_refuses_a_socket_in_use(embedder_socket: Path) -> None:
    command = [sys.executable, "-m", "chatsphere.services.ai.embedder_server", "--socket", str(embedder_socket)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "already serving" in ended.stderr
    assert embedder_socket.exists()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        protocol.frame(protocol.Kind.PASSAGES, b"\xff\xff\xff\xff"),
        protocol.frame(protocol.Kind.PASSAGES, b""),
        protocol.frame(protocol.Kind.HELLO, b""),
        protocol.frame(protocol.Kind.PASSAGES, protocol.pack_texts(["x"] * 300)),
        protocol.HEADER.pack(b"CE", 1, 3, 2**31),
        protocol.HEADER.pack(b"CE", 9, 3, 0),
    ],
)
def test_a_broken_client_harms_no_other(embedder_socket: Path, request_bytes: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(str(embedder_socket))
        client.sendall(request_bytes)
        answer = b""
        while part := client.recv(65536):
            answer += part
    hello = protocol.frame(protocol.Kind.HELLO, protocol.pack_hello(MINILM.model))
    assert answer.startswith(hello)
    assert protocol.read_header(answer[len(hello) : len(hello) + protocol.HEADER.size])[0] is protocol.Kind.REFUSED
    assert LocalEmbedder(embedder_socket).embed_passages(["still there"]).shape == (1, 384)


def test_a_client_that_leaves_in_the_middle_harms_no_other(embedder_socket: Path) -> None:
    for size in (3, 20, 200):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(embedder_socket))
            client.sendall(protocol.frame(protocol.Kind.PASSAGES, protocol.pack_texts(PASSAGES[:20]))[:size])
    assert LocalEmbedder(embedder_socket).embed_passages(["still there"]).shape == (1, 384)


def test_a_forked_worker_opens_its_own_connection(embedder_socket: Path) -> None:
    embedder = LocalEmbedder(embedder_socket)
    expected = embedder.embed_passages(["parent"])
    child = os.fork()
    if child == 0:
        is_right = np.allclose(embedder.embed_passages(["parent"]), expected, atol=1e-6)
        os._exit(0 if is_right else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_allclose(embedder.embed_passages(["parent"]), expected, atol=1e-6)


def test_another_model_behind_the_socket_is_refused(embedder_socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = EmbeddingModel("local:other", 384, 256)
    monkeypatch.setattr(
        "chatsphere.services.ai.local.local_model_files",
        lambda _: MINILM.__class__(other, MINILM.weights, MINILM.tokenizer),
    )
    with pytest.raises(EngineMisconfigured, match="another model"):
        LocalEmbedder(embedder_socket, model_id=other.id).embed_passages(["text"])


def test_files_that_are_not_the_tested_ones_are_refused() -> None:
    weights = MINILM.weights
    with pytest.raises(EngineMisconfigured, match="not the file that was tested"):
        locate(PackagedFile(weights.package, weights.path, "0" * 64))
    with pytest.raises(EngineMisconfigured, match="not installed"):
        locate(PackagedFile("no_such_package_here", "x", "0" * 64))
    with pytest.raises(EngineMisconfigured, match="Known: local:all-minilm"):
        local_model_files("local:unheard-of")


def test_micro_batches_hold_every_text_once_within_the_limits() -> None:
    lengths = [3, 256, 40, 40, 41, 39, 5, 200, 4, 60, 60, 60, 60, 60]
    batches = micro_batches(lengths)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= 4
        assert len(batch) * max(lengths[index] for index in batch) <= 256


def test_vectors_of_another_shape_are_refused() -> None:
    body = protocol.pack_vectors(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(protocol.unpack_vectors(body, count=2, dimensions=3), np.ones((2, 3)))
    for count, dimensions in ((3, 2), (1, 3), (2, 4)):
        with pytest.raises(UpstreamInvalid):
            protocol.unpack_vectors(body, count=count, dimensions=dimensions)
