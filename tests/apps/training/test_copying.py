"""Rows written by COPY are those that ``bulk_create`` would have written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import Document, DocumentVersion, Run, TrainingSource
from chatsphere.apps.users.models import AuditEvent
from chatsphere.core.copying import copy_rows

pytestmark = pytest.mark.django_db


def _source(chatbot: Chatbot, **more: Any) -> TrainingSource:
    tenant = {"workspace_id": chatbot.workspace_id, "chatbot_id": chatbot.pk}
    return TrainingSource(source_type="text", name="Grüße 🎉", options={"content": "a\\b\t\"'\n"}, **tenant, **more)


def test_every_value_comes_back_as_it_was_given(chatbot: Chatbot) -> None:
    moment = datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
    source = _source(
        chatbot, content_hash=b"\x00\xff", access_tags=["a", 'b"{}', ""], next_refresh_at=moment, bytes=1 << 40
    )
    document = Document(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source=source, title="T", media_type="text/plain"
    )
    version = DocumentVersion(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, document=document, content_hash=b"x" * 32, text="日本\n",
        page_starts=[0, 7], links=[{"text": "a", "url": "b"}], report={"share": 0.25, "none": None}, sketch=[1, 2**31 - 1],
        bands=[-(2**63), 5], is_complete=True,
    )  # fmt: skip
    run = Run(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, source=source, kind="train")
    for each in (source, document, version, run):
        copy_rows([each])
        stored = type(each).objects.get(pk=each.pk)
        for field in each._meta.concrete_fields:
            value, given = (field.get_prep_value(getattr(row, field.attname)) for row in (stored, each))
            assert (bytes(value) if isinstance(value, memoryview) else value) == given, field


def test_constraints_hold_and_nothing_is_written_when_one_fails(chatbot: Chatbot) -> None:
    source = _source(chatbot)
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows([source, source])
    assert not TrainingSource.objects.filter(pk=source.pk).exists()
    copy_rows([])
    copy_rows([source, _source(chatbot)])
    assert TrainingSource.objects.filter(chatbot_id=chatbot.pk).count() == 2
    source.name = "renamed"
    source.save()  # it is known to be stored


def test_a_model_with_other_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="not copied"):
        copy_rows([AuditEvent(action="x")])
