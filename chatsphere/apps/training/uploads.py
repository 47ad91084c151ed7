"""Files as they come in: capped while they are received, known by their first bytes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _

from chatsphere.core.exceptions import Invalid, TooLarge, UnsupportedMedia
from chatsphere.services.content.extract import PDF, READERS, SAFE_IN_PROCESS
from chatsphere.services.content.extract.detect import detect_media_type
from chatsphere.services.content.limits import DEFAULT_LIMITS
from chatsphere.services.errors import ContentError

_HEAD: Final = 8192
_ZIP: Final = b"PK\x03\x04"
_IN_ZIP: Final = "application/zip"
_IN_PARTS: Final = frozenset({PDF, *SAFE_IN_PROCESS})  # read part by part, so of any size


class CappedUploads(FileUploadHandler):
    """Stands before Django's own handlers and stops a file that grows over ``MAX_UPLOAD_BYTES``."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > settings.MAX_UPLOAD_BYTES:
            raise TooLarge(_("A file may have %(most)s bytes at most.") % {"most": f"{settings.MAX_UPLOAD_BYTES:,}"})
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def media_type_of(file: UploadedFile[Any]) -> str:
    """The type by content; ``application/zip`` for office formats, which only their reader tells apart.

    Raises UnsupportedMedia for what no reader takes, Invalid for an empty file, TooLarge for one that its reader would refuse; each names the file.
    """
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    if not head.strip():
        raise Invalid(fields={"file": [_("%(name)s is empty.") % {"name": display_name(file)}]})
    media_type = _IN_ZIP if head.startswith(_ZIP) else _type_of(head, file)
    if (file.size or 0) > DEFAULT_LIMITS.max_bytes and media_type not in _IN_PARTS:
        raise TooLarge(
            _(
                "%(name)s is too large: only PDF, plain text and Markdown may have more than %(most)s bytes. Cut it into smaller files."
            )
            % {"name": display_name(file), "most": f"{DEFAULT_LIMITS.max_bytes:,}"}
        )
    return media_type


def _type_of(head: bytes, file: UploadedFile[Any]) -> str:
    try:
        media_type = detect_media_type(head, name=file.name or "", hint=file.content_type)
    except ContentError as error:
        raise UnsupportedMedia(f"{display_name(file)}: {error.message}", type=error.type) from error
    if media_type not in READERS:
        raise UnsupportedMedia(
            _("%(name)s: Files of the type %(type)s cannot be read. Convert it to PDF, DOCX, HTML, Markdown or text.")
            % {"name": display_name(file), "type": media_type},
            type="unsupported_format",
        )
    return media_type


def display_name(file: UploadedFile[Any]) -> str:
    """The file's name for people; it never becomes a path."""
    return PurePosixPath(file.name or "").name[:300] or _("Untitled")
