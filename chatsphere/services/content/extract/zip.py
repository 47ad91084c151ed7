"""ZIP of documents. It holds several, so it is read file by file: see ``extract.members`` and the ``member`` argument."""

from __future__ import annotations

from chatsphere.services.content.extract.archive import readable_members
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EmptyDocument, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument


def read(source: Source) -> ExtractedDocument:
    """Never succeeds: says what the archive holds."""
    members = readable_members(source.data, source.limits)
    if not members:
        raise EmptyDocument(
            "This archive holds no documents. Archives within archives are not opened: unpack them and upload what is inside."
        )
    raise UnsupportedFormat(f"This archive holds {len(members)} files, which are to be read one by one.")
