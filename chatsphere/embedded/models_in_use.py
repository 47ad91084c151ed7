"""Which local embedding models the stored knowledge still needs, whatever the deployment is set to now."""

from __future__ import annotations

import psycopg
from django.conf import settings

from chatsphere.services.ai.local_files import LOCAL_MODELS

_IN_USE = """
    SELECT embedding_model FROM chatbots_chatbot WHERE deleted_at IS NULL
    UNION
    SELECT configuration ->> 'embedding_model' FROM chatbots_chatbot WHERE deleted_at IS NULL
"""


def local_models() -> list[str]:
    """Ids of the local models that chatbots were trained with or are set to, as ``local:<name>``; unknown ones are left out.

    One query over the chatbots on a connection of its own. Call it once the migrations are applied.
    """
    with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as connection:
        names = {name for (name,) in connection.execute(_IN_USE)}
    return sorted(names & LOCAL_MODELS.keys())
