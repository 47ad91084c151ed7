"""What a chatbot was trained on, as data: source → document → version → placement → chunk text → vector."""

from chatsphere.apps.training.models.chunk import ChunkText, Placement
from chatsphere.apps.training.models.document import Document, DocumentVersion
from chatsphere.apps.training.models.index import *  # noqa: F403 - the search tables, named in index.__all__
from chatsphere.apps.training.models.index import __all__ as _search_tables
from chatsphere.apps.training.models.page import Page
from chatsphere.apps.training.models.quarantine import QuarantinedChunk
from chatsphere.apps.training.models.retraining import Retraining
from chatsphere.apps.training.models.run import Run
from chatsphere.apps.training.models.source import TrainingSource

__all__ = [
    "ChunkText",
    "Document",
    "DocumentVersion",
    "Page",
    "Placement",
    "QuarantinedChunk",
    "Retraining",
    "Run",
    "TrainingSource",
    *_search_tables,
]
