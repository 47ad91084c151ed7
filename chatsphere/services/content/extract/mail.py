"""E-mail: EML and MBOX. Subject as heading, who wrote to whom and when, then the text, forwarded messages, and the text of what is attached."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, Message
from itertools import islice

from chatsphere.services.content.extract.attachments import add_attachments
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
_MAX_DEPTH = 5  # of messages in messages
_STUB, _STUB_RATIO = 300, 3  # characters of a plain text that may be one; how much longer the HTML is then


def read(source: Source) -> ExtractedDocument:
    """A mailbox gives one document with a heading a message. Cost: some 10 MB a second, and that of reading what is attached."""
    builder = DocumentBuilder(source.limits)
    messages = list(islice(_split(source), _MAX_MESSAGES + 1))
    if len(messages) > _MAX_MESSAGES:
        raise LimitExceeded(
            f"This mailbox has more than {_MAX_MESSAGES:,} messages. Export it in several files, such as one a year."
        )
    is_only = len(messages) == 1
    for data in messages:
        message = _parse(data)
        if is_only:
            builder.title = _field(message, "Subject")
            if message.get_content_type() in _ENCRYPTED:
                raise EncryptedDocument("This message is encrypted. Upload it decrypted.")
        _add_message(message, builder, source, level=1 if is_only else 2)
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


def _add_message(
    message: EmailMessage, builder: DocumentBuilder, source: Source, *, level: int, depth: int = 0
) -> None:
    builder.heading(_field(message, "Subject") or "Message", level)
    fields = [f"{name}: {value}" for name in _FIELDS if (value := _field(message, name))]
    builder.paragraph("\n".join(fields))
    parts = _parts(message)
    body = _body(parts, source)
    if body is not None:
        _add_body(body, builder)
    files = [(name, part) for part in parts if (name := _file_name(part))]
    if files:
        builder.paragraph("Attachments: " + ", ".join(name for name, _ in files))
    for forwarded in (part for part in parts if _is_message(part)):
        _add_forwarded(forwarded, builder, source, level=level + 1, depth=depth + 1)
    contents = ((name, _content(part)) for name, part in files if not _is_message(part))
    add_attachments(contents, builder, source.limits, level=level + 1)


def _add_forwarded(part: Message, builder: DocumentBuilder, source: Source, *, level: int, depth: int) -> None:
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    if depth > _MAX_DEPTH:
        builder.warn(f"Messages in messages were read {_MAX_DEPTH} deep.", is_partial=True)
    elif isinstance(inner, EmailMessage):
        _add_message(inner, builder, source, level=level, depth=depth)


def _is_message(part: Message) -> bool:
    return part.get_content_type() == "message/rfc822"


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _field(message: Message, name: str) -> str:
    """A header's text; damaged ones are as good as absent."""
    try:
        return str(message.get(name, "") or "").strip()
    except (ValueError, TypeError, IndexError, AttributeError, LookupError):
        return ""


def _parts(message: EmailMessage) -> list[Message]:
    """The message and what it is made of; a forwarded message is one part."""
    parts: list[Message] = []
    waiting: list[Message] = [message]
    while waiting:
        part = waiting.pop()
        parts.append(part)
        payload = part.get_payload()
        if isinstance(payload, list) and (part is message or not _is_message(part)):
            waiting += [each for each in reversed(payload) if isinstance(each, Message)]
        if len(parts) + len(waiting) > _MAX_PARTS:
            raise LimitExceeded(f"This message has more than {_MAX_PARTS} parts.")
    return parts


def _body(parts: list[Message], source: Source) -> Message | None:
    """The text as plain text, else as HTML; attached files are not it. A short plain text beside a long HTML one only says that there is one."""
    texts = [part for part in parts if part.get_content_maintype() == "text" and not _file_name(part)]
    plain = [part for part in texts if part.get_content_subtype() == "plain" and _decoded(part).strip()]
    html = [part for part in texts if part.get_content_subtype() == "html"]
    if plain and html and len(_decoded(plain[0])) < _STUB:
        rendered = DocumentBuilder(source.limits)
        _add_body(html[0], rendered)
        if rendered.length > _STUB_RATIO * len(_decoded(plain[0])):
            return html[0]
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
