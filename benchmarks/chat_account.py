"""An account for bench-chat: migrates the database, makes a workspace without limits, a key and a chatbot with 400 chunks."""

from __future__ import annotations

import hashlib
import json

import django

CHUNKS = 400
BIRDS = ("heron", "osprey", "wren", "kestrel", "finch", "plover", "dunlin", "siskin")
COLORS = ("red", "green", "blue", "grey", "white")


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_account()))


def _account() -> dict[str, str]:
    from django.contrib.auth import get_user_model

    from chatsphere.apps.chatbots.models import Chatbot
    from chatsphere.apps.users.actions import create_key
    from chatsphere.apps.users.models import Plan, Workspace

    name = f"bench{get_user_model().objects.count()}"
    user = get_user_model().objects.create_user(username=name, email=f"{name}@example.com", password="bench-Pass-42")
    workspace: Workspace = user.default_workspace  # type: ignore[assignment]  # it was made with the person
    Workspace.objects.filter(pk=workspace.pk).update(plan=Plan.objects.get(code="enterprise"))
    key = create_key(workspace_id=workspace.pk, created_by=user.pk, name="bench", scopes=["chat"])
    chatbot = Chatbot.objects.create(workspace=workspace, name="Bench", slug="bench", configuration={"min_score": 0})
    _teach(chatbot)
    return {"chatbot": str(chatbot.pk), "key": key.secret}


def _teach(chatbot: object) -> None:
    from django.conf import settings
    from django.db import connection, transaction

    from chatsphere.apps.chatbots.models import Chatbot
    from chatsphere.apps.training.models import ChunkText, Document, DocumentVersion, Placement, TrainingSource
    from chatsphere.core import engines
    from chatsphere.services.vector_store.base import ChatbotRef, ChunkRecord

    assert isinstance(chatbot, Chatbot)
    owner = {"workspace_id": chatbot.workspace_id, "chatbot_id": chatbot.pk}
    ref = ChatbotRef(chatbot.workspace_id, chatbot.pk)
    embedder, store = engines.embedder(), engines.vector_store()
    passages = texts()
    vectors = embedder.embed_passages(passages)
    with transaction.atomic():
        source = TrainingSource.objects.create(**owner, source_type="text", name="Birds", status="ready")
        chunks = []
        for number, text in enumerate(passages):
            digest = hashlib.sha256(text.encode()).digest()
            document = Document.objects.create(**owner, source=source, key=str(number), title=f"Shelf {number}")
            version = DocumentVersion.objects.create(
                **owner, document=document, content_hash=digest, text=text, language="en", is_complete=True
            )
            Document.objects.filter(pk=document.pk).update(current_version=version)
            chunk = ChunkText.objects.create(
                **owner,
                content_hash=digest,
                context=f"Shelf {number}",
                text=text,
                token_count=100,
                language="en",
                is_live=True,
            )
            Placement.objects.create(
                **owner, document_version=version, chunk=chunk, ordinal=0, char_start=0, char_end=len(text)
            )
            chunks.append(chunk)
        connection.ensure_connection()
        raw = connection.connection
        records = [ChunkRecord(chunk.pk, chunk.context, chunk.text, "en") for chunk in chunks]
        store.add_texts(raw, chatbot=ref, records=records, is_live=True)
        pairs = [(chunk.pk, vector) for chunk, vector in zip(chunks, vectors, strict=True)]
        store.add_vectors(raw, chatbot=ref, model=embedder.model, vectors=pairs, is_live=True)
        store.refresh_statistics(raw, chatbot=ref)
        Chatbot.objects.filter(pk=chatbot.pk).update(embedding_model=settings.EMBEDDING_MODEL)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does within a minute; the measurements begin before


def texts() -> list[str]:
    """What the chatbot knows."""
    return [_text(number) for number in range(CHUNKS)]


def _text(number: int) -> str:
    bird, color = BIRDS[number % len(BIRDS)], COLORS[number % len(COLORS)]
    return " ".join(
        f"The {color} {bird} of shelf {number} keeps spare chargers in locker {number * 7 + line}, beside the {COLORS[line % 5]} door "
        f"that was painted in {1950 + line}."
        for line in range(6)
    )


if __name__ == "__main__":
    main()
