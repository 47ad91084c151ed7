"""SRT and WebVTT: what was said, in paragraphs that begin with their time."""

from __future__ import annotations

import html
import re

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.source import Source
from chatsphere.services.types import ExtractedDocument

_CUE = re.compile(
    r"^(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,]\d{1,3}[ \t]+-->[^\n]*\n((?:[^\n]*\S[^\n]*(?:\n|\Z))+)", re.MULTILINE
)
_SPEAKER = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[^<>]*>|\{\\[^}]*\}")
_SECONDS = 60  # of speech in a paragraph, at least


def read(source: Source) -> ExtractedDocument:
    """A new paragraph begins after a minute, when a sentence has ended. Cost: some 20 MB a second."""
    text, encoding = decode(source.data, declared=source.charset)
    builder = DocumentBuilder(source.limits)
    builder.note(noted(encoding, source.charset))
    begin, spoken, last = 0, list[str](), ""
    for match in _CUE.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        moment = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
        line = _spoken(match[4])
        if spoken and moment - begin >= _SECONDS and re.search(r"[.!?…。！？][\"'”’]?\Z", spoken[-1]):
            _add(builder, begin, spoken)
            spoken = []
        if not spoken:
            begin = moment
        if line and line != last:  # captions that roll repeat the line before
            spoken.append(line)
            last = line
    _add(builder, begin, spoken)
    return builder.build(media_type=source.media_type)


def _spoken(cue: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", _SPEAKER.sub(r"\1: ", cue))).split())


def _add(builder: DocumentBuilder, begin: int, spoken: list[str]) -> None:
    if spoken:
        minutes, seconds = divmod(begin, 60)
        builder.paragraph(f"[{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}] {' '.join(spoken)}")
