"""E-mail: EML and MBOX. Subject as heading, who wrote to whom and when, then the text; attachments are named, not read."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, Message

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.extract.html import add_html, parse_html
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EmptyDocument, EncryptedDocument, LimitExceeded
from chatsphere.services.types import ExtractedDocument

_FIELDS = ("From", "To", "Cc", "Date")
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_SEPARATOR = re.compile(rb"(?:\A|\n)From [^\n]*\d{4}[^\n]*\n")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]+[^\s<>\"'\[\]{}|\\^`.,;:!?)]")
_MAX_MESSAGES = 20_000
_MAX_PARTS = 500


def read(source: Source) -> ExtractedDocument:
    """A mailbox gives one document with a heading a message. Cost: some 10 MB a second."""
    builder = DocumentBuilder(source.limits)
    messages = list(_split(source))
    if len(messages) > _MAX_MESSAGES:
        raise LimitExceeded(f"This mailbox has more than {_MAX_MESSAGES:,} messages.")
    for data in messages:
        _add_message(_parse(data), builder, is_only=len(messages) == 1)
    return builder.build(media_type=source.media_type)


def _split(source: Source) -> Iterator[bytes]:
    if source.media_type != "application/mbox":
        yield source.data
        return
    separators = list(_SEPARATOR.finditer(source.data))
    starts = [match.end() for match in separators]
    ends = [*(match.start() for match in separators[1:]), len(source.data)]
    for start, end in zip(starts, ends, strict=True):
        yield re.sub(rb"(?m)^>(>*From )", rb"\1", source.data[start:end])


def _parse(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


def _add_message(message: EmailMessage, builder: DocumentBuilder, *, is_only: bool) -> None:
    subject = _field(message, "Subject")
    if is_only:
        builder.title = subject
        if message.get_content_type() in _ENCRYPTED:
            raise EncryptedDocument("This message is encrypted. Upload it decrypted.")
    builder.heading(subject or "Message", 1 if is_only else 2)
    fields = [f"{name}: {value}" for name in _FIELDS if (value := _field(message, name))]
    builder.paragraph("\n".join(fields))
    body = _body(message)
    if body is not None:
        _add_body(body, builder)
    names = [name for part in _parts(message) if (name := _file_name(part))]
    if names:
        builder.paragraph("Attachments: " + ", ".join(names))


def _field(message: Message, name: str) -> str:
    """A header's text; damaged ones are as good as absent."""
    try:
        return str(message.get(name, "") or "").strip()
    except (ValueError, TypeError, IndexError, AttributeError, LookupError):
        return ""


def _parts(message: EmailMessage) -> list[Message]:
    parts: list[Message] = []
    for part in message.walk():
        parts.append(part)
        if len(parts) > _MAX_PARTS:
            raise LimitExceeded(f"This message has more than {_MAX_PARTS} parts.")
    return parts


def _body(message: EmailMessage) -> Message | None:
    """The text as plain text, else as HTML; attached files are not it."""
    texts = [part for part in _parts(message) if part.get_content_maintype() == "text" and not _file_name(part)]
    plain = [part for part in texts if part.get_content_subtype() == "plain" and _decoded(part).strip()]
    html = [part for part in texts if part.get_content_subtype() == "html"]
    return next(iter([*plain, *html]), None)


def _file_name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, TypeError, IndexError, AttributeError, LookupError):
        return ""


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return decode(payload, declared=str(part.get_content_charset() or ""))[0]


def _add_body(part: Message, builder: DocumentBuilder) -> None:
    text = _decoded(part)
    if part.get_content_subtype() == "html":
        try:
            add_html(parse_html(text), builder)
        except EmptyDocument:
            return
    else:
        add_plain_text(text, builder)


def add_plain_text(text: str, builder: DocumentBuilder) -> None:
    """A message's text: paragraphs between empty lines; addresses of web pages become links."""
    for paragraph in re.split(r"\n[ \t]*\r?\n", text.replace("\r\n", "\n")):
        builder.paragraph(paragraph)
    for address in _ADDRESS.findall(text):
        builder.link(address, address)
