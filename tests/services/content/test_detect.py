"""A file's kind is read from its bytes."""

from __future__ import annotations

import pytest

from chatsphere.services.content.extract.detect import detect_media_type


@pytest.mark.parametrize(
    "text",
    [
        "BMP signaling and BM-derived cells were studied in mice.",
        "ID3 is an algorithm that builds decision trees.",
        "OggS is the capture pattern of an Ogg page.",
        "GIF89 was a good year for pictures.",
        "Every PDF begins with the mark %PDF-1.7 and ends with %%EOF.",
    ],
)
def test_a_text_that_begins_like_a_picture_or_speaks_of_a_format_is_a_text(text: str) -> None:
    assert detect_media_type(text.encode(), name="note.txt") == "text/plain"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00", "image/bmp"),
        (b"ID3\x03\x00\x00\x00\x00\x0f\x76", "audio/mpeg"),
        (b"OggS\x00\x02\x00\x00", "audio/ogg"),
        (b"GIF89a\x01\x00\x01\x00", "image/gif"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "application/pdf"),
    ],
)
def test_the_bytes_decide_whatever_the_name_says(data: bytes, media_type: str) -> None:
    assert detect_media_type(data, name="note.txt") == media_type
