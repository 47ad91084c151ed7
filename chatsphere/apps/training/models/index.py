"""The tables in which chunks are found. Only the vector store reads and writes them, by the SQL of ``vector_store/queries.sql``.

The indexes name workspace, chatbot and model, so that the scan of a chatbot's rows computes scores and checks little else.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from pgvector.django import HalfVectorField, SparseVectorField

from chatsphere.core.tenancy import SameWorkspace, parent_key

__all__ = [
    "ChunkTerms",
    "Embedding",
    "KnowledgeStatistics",
    "PendingPoint",
    "TermChange",
    "TermStatistics",
    "VectorCell",
    "WordMeanings",
]


class ChunkTerms(models.Model):
    """The words of a chunk, as BM25 weights by term number. ``length`` is in terms; ``analysis`` the version that made them.

    Chunks of large chatbots are entered into the inverted index (``is_indexed``); all others are looked at one by one.
    """

    chunk = models.OneToOneField(
        "training.ChunkText", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    workspace = parent_key("users.Workspace")
    chatbot = parent_key("chatbots.Chatbot")  # proved by the chunk
    language = models.CharField(max_length=20, blank=True)
    length = models.FloatField()
    weights = SparseVectorField()
    analysis = models.SmallIntegerField()
    is_live = models.BooleanField()
    is_indexed = models.BooleanField(db_default=False)

    class Meta:
        constraints = (SameWorkspace(field="chunk", name="training_chunkterms_chunk_same_workspace"),)
        indexes = (
            models.Index(fields=["workspace", "chatbot", "is_indexed"], name="training_terms_by_chatbot"),
            # The function, made by a migration, gives the terms as numbers that no two chatbots share.
            GinIndex(
                models.Func("chatbot", "weights", function="training_search_terms"),
                name="training_terms_inverted",
                condition=models.Q(is_indexed=True),
            ),
        )


class Embedding(models.Model):
    """A chunk's vector by one embedding model; vectors of several models live side by side while one replaces the other.

    ``cell`` is the group of near vectors that it belongs to (``VectorCell``), -1 while it is in none.
    """

    pk = models.CompositePrimaryKey("chunk_id", "model")
    chunk = parent_key("training.ChunkText")
    model = models.CharField(max_length=200)
    workspace = parent_key("users.Workspace")
    chatbot = parent_key("chatbots.Chatbot")  # proved by the chunk
    vector = HalfVectorField()
    is_live = models.BooleanField()
    cell = models.IntegerField(db_default=-1)

    class Meta:
        constraints = (SameWorkspace(field="chunk", name="training_embedding_chunk_same_workspace"),)
        indexes = (models.Index(fields=["workspace", "chatbot", "model", "cell"], name="training_embedding_by_cell"),)


class WordMeanings(models.Model):
    """What each word of a chunk means where it stands, where the embedding model tells (``services/ai/word_meanings.py``). In a table of its own: only
    the hits of a search are read here, while vectors are read through by the thousand."""

    chunk = models.OneToOneField(
        "training.ChunkText", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    workspace = parent_key("users.Workspace")
    chatbot = parent_key("chatbots.Chatbot")  # proved by the chunk
    words = models.BinaryField()

    class Meta:
        constraints = (SameWorkspace(field="chunk", name="training_wordmeanings_chunk_same_workspace"),)
        indexes = (models.Index(fields=["workspace", "chatbot"], name="training_words_of_chatbot"),)


class VectorCell(models.Model):
    """The centre of a group of near vectors in a large chatbot. Numbers count on from one training of the centres to the next."""

    pk = models.CompositePrimaryKey("chatbot_id", "model", "cell")
    chatbot = parent_key("chatbots.Chatbot")
    model = models.CharField(max_length=200)
    cell = models.IntegerField()
    workspace = parent_key("users.Workspace")
    centroid = HalfVectorField()

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="training_vectorcell_same_workspace"),)


class TermChange(models.Model):
    """What one transaction added to a chatbot's statistics (or took, then negative), until a refresh counts it in."""

    workspace = parent_key("users.Workspace")
    chatbot = parent_key("chatbots.Chatbot")
    chunks = models.IntegerField()
    length_total = models.FloatField()
    languages = models.JSONField()
    terms = models.BinaryField()

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="training_termchange_same_workspace"),)
        indexes = (models.Index(fields=["chatbot"], name="training_termchange_by_chatbot"),)


class TermStatistics(models.Model):
    """In how many live chunks of a chatbot each term occurs, some 200 terms a row: those with equal lowest bits."""

    pk = models.CompositePrimaryKey("chatbot_id", "bucket")
    chatbot = parent_key("chatbots.Chatbot")
    bucket = models.IntegerField()
    workspace = parent_key("users.Workspace")
    frequencies = SparseVectorField()

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="training_termstatistics_same_workspace"),)


class KnowledgeStatistics(models.Model):
    """A chatbot's totals over its live chunks. ``languages`` maps a language to its number of chunks."""

    chatbot = models.OneToOneField(
        "chatbots.Chatbot", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    workspace = parent_key("users.Workspace")
    chunks = models.IntegerField()
    length_total = models.FloatField()
    languages = models.JSONField()
    buckets = models.IntegerField()
    vocabulary = models.IntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (SameWorkspace(field="chatbot", name="training_knowledgestatistics_same_workspace"),)


class PendingPoint(models.Model):
    """A chunk of which Qdrant must be told, whatever changed about it; without a chunk: a chatbot that is gone.

    The rows outlive workspace and chatbot, so there are no keys to these: what is left of them in Qdrant must go too.
    """

    workspace_id = models.UUIDField()
    chatbot_id = models.UUIDField()
    chunk_id = models.UUIDField(null=True)

    class Meta:
        indexes = (models.Index(fields=["chatbot_id", "id"], name="training_pendingpoint_waiting"),)
