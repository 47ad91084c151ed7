"""Small files made for the tests."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def shared(name: str) -> Path:
    """A folder of the shared data; the test is skipped where it is not there."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"needs ../shared/data/{name}")
    return folder


def count_words(text: str) -> int:
    """A tokenizer for tests: letters, digits and marks are tokens, two special ones are added."""
    return 2 + len(re.findall(r"[^\W\d_]+|\d|[^\w\s]|_", text))


def docx(body: str, **parts: str) -> bytes:
    """A DOCX with this body; ``parts`` are further files by name, dots and slashes written as ``__``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>')
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", content)
    return buffer.getvalue()


def paragraph(text: str, properties: str = "") -> str:
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def pdf(pages: list[list[tuple[float, float, float, str]]]) -> bytes:
    """A PDF in Helvetica; each text stands at x, y (from the top left of 612 × 792 points) in its size."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for texts in pages:
        content = "".join(
            f"BT /F1 {size} Tf {x} {792 - y} Td ({text.translate(_ESCAPED)}) Tj ET\n" for x, y, size, text in texts
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}endstream")
        resources = "<< /Font << /F1 3 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {resources} /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return _assembled(objects)


_ESCAPED = str.maketrans({"(": "\\(", ")": "\\)", "\\": "\\\\"})


def _assembled(objects: list[str]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)
