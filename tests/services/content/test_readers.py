"""Each reader on small files: what a person would expect to see, in order, with its structure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsphere.services.content.extract import extract
from chatsphere.services.content.extract.detect import detect_media_type
from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import BrokenDocument, ContentError, EmptyDocument, LimitExceeded, UnsupportedFormat
from chatsphere.services.types import BlockKind, ExtractedDocument
from tests.services.content.samples import docx, paragraph, pdf, shared


def kinds(document: ExtractedDocument) -> list[BlockKind]:
    return [block.kind for block in document.blocks]


def texts(document: ExtractedDocument) -> list[str]:
    return [document.text[block.char_start : block.char_end] for block in document.blocks]


# --- what a file is ---


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (b"%PDF-1.7 x", "a.txt", "application/pdf"),
        (docx(""), "a.pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"<!DOCTYPE html><p>x", "a.txt", "text/html"),
        (b"# Notes\n<p align=center>x</p>", "README.md", "text/markdown"),
        (b"plain words", "a.txt", "text/plain"),
        (b"# Title\n\n[a](b) and **c**", "", "text/markdown"),
        ("héllo wörld ".encode("utf-16"), "a.txt", "text/plain"),
        (b"{\\rtf1 x}", "a.doc", "application/rtf"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi", "a.txt", "text/vtt"),
    ],
)
def test_the_bytes_say_what_a_file_is(data: bytes, name: str, media_type: str) -> None:
    assert detect_media_type(data, name=name) == media_type


def test_programs_are_no_documents() -> None:
    with pytest.raises(UnsupportedFormat):
        extract(b"\x00\x01\x02\x03\xff\xfe\xfd" * 100, name="a.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_without_declaration(encoding: str) -> None:
    text = "Grüße aus Köln — the price is 5 €, plain and simple."
    assert decode(text.encode(encoding))[0] == text


def test_a_declared_encoding_is_used_when_the_bytes_allow_it() -> None:
    assert decode("Привет, мир".encode("cp1251"), declared="windows-1251")[0] == "Привет, мир"
    assert decode("Привет, мир".encode(), declared="cp1251")[0] == "Привет, мир"


def test_a_few_broken_bytes_do_not_spoil_utf8() -> None:
    assert decode("Größe und Maße, Füße".encode() + b" \xff end")[0] == "Größe und Maße, Füße \ufffd end"


# --- plain text and Markdown ---


def test_plain_text_stays_verbatim() -> None:
    source = "First  line,\nsecond line.\r\n\r\n  Next\tparagraph.\n"
    document = extract(source.encode(), name="a.txt")
    assert document.text == source.replace("\r\n", "\n")
    assert texts(document) == ["First  line,\nsecond line.", "Next\tparagraph."]


def test_form_feeds_are_pages() -> None:
    document = extract(b"One.\fTwo.\fThree.", name="a.txt")
    assert document.page_starts == (0, 5, 10)
    assert [block.page for block in document.blocks] == [1, 2, 3]


MARKDOWN = """\
---
title: "The title"
---
# Heading <a name="h"></a>

A paragraph with a [link](https://example.com).
It goes on.
- an item
  with more
- another

1. one

   still one
2. two

| a | b |
|---|---|
| 1 | 2 |

```python
# not a heading

print()
```

> quoted
> text

    indented code

Setext
------

***

<!-- hidden -->

[ref]: https://example.com/ref
Last.
"""


def test_markdown_blocks() -> None:
    document = extract(MARKDOWN.encode(), name="a.md")
    assert document.title == "The title"
    assert "hidden" not in document.text
    assert [(block.kind.value, block.level) for block in document.blocks] == [
        ("heading", 1), ("paragraph", 0), ("list", 0), ("table", 0), ("code", 0), ("quote", 0), ("code", 0),
        ("heading", 2), ("paragraph", 0),
    ]  # fmt: skip
    table = document.blocks[3]
    assert document.text[table.char_start : table.header_end] == "| a | b |\n|---|---|\n"
    assert [link.url for link in document.links] == ["https://example.com"]


def test_tables_of_html_in_markdown_are_tables() -> None:
    table = "<table>\n<tr><th>Name</th><th>Price</th></tr>\n<tr><td>Pear</td><td>2</td></tr>\n</table>"
    document = extract(f"# Fruit\n\nBefore.\n{table}\nAfter.\n\n```\n{table}\n```\n".encode(), name="a.md")
    assert [block.kind.value for block in document.blocks] == ["heading", "paragraph", "table", "paragraph", "code"]
    [_, _, rows, after, code] = document.blocks
    assert document.text[rows.char_start : rows.header_end] == "| Name | Price |\n| --- | --- |\n"
    assert document.text[after.char_start : after.char_end] == "After."
    assert "<td>Pear</td>" in document.text[code.char_start : code.char_end]


@given(st.text(alphabet="#-*+>|`~ \n\tab1.()[]:<!=_", max_size=300))
def test_blocks_of_any_markdown_are_ordered_and_not_blank(text: str) -> None:
    try:
        document = extract(f"x{text}".encode(), name="a.md")
    except EmptyDocument:
        return
    position = 0
    for block in document.blocks:
        assert position <= block.char_start < block.char_end <= len(document.text)
        assert document.text[block.char_start : block.char_end].strip()
        position = block.char_end


# --- HTML ---

HTML = """<html lang="de-AT"><head><title>Der Titel</title><script>var x = "secret"</script></head><body>
<nav>Menu</nav><h1>Heading <b>one</b></h1><p>A para&shy;graph with <a href="https://example.com/x">a link</a>.<br>New line.</p>
<p style="display:none">hidden one</p><p hidden>hidden two</p><div aria-hidden="true">hidden three</div>
<ul><li>one<ul><li>below</li></ul></li><li>two</li></ul><ol><li>first</li></ol>
<table><tr><th>Name</th><th>Price</th></tr><tr><td rowspan=2>A|B</td><td>1</td></tr><tr><td>2</td></tr></table>
<pre>code
  here</pre><blockquote>said</blockquote><dl><dt>Term</dt><dd>Meaning</dd></dl></body></html>"""


@pytest.mark.parametrize("main_text_only", [False, True])
def test_what_stands_below_every_page_is_left_out(*, main_text_only: bool) -> None:
    said = "<p>Refunds take seven days. (c) is the third point of the terms.</p>" * 3
    page = f"""<html><body><main><h1>Refunds</h1>{said}<blockquote>Well said.<footer>Ada</footer></blockquote></main>
    <div class="end"><span>© Larkspur</span></div><p>Copyright 2026 Larkspur GmbH. All rights reserved.</p>
    <footer><p>© 2026 Larkspur</p><a href="/imprint">Imprint</a></footer></body></html>"""
    text = extract(page.encode(), name="a.html", media_type_hint="text/html", main_text_only=main_text_only).text
    assert "Refunds take seven days. (c) is the third point" in text
    assert not any(word in text for word in ("Larkspur", "Imprint", "reserved"))
    assert main_text_only or "Ada" in text


def test_a_page_that_is_only_a_footer_keeps_it() -> None:
    assert texts(extract(b"<html><body><footer>Imprint</footer></body></html>", name="a.html")) == ["Imprint"]


def test_html() -> None:
    document = extract(HTML.encode(), name="a.html")
    assert (document.title, document.language) == ("Der Titel", "de")
    assert document.text.split("\n\n") == [
        "# Heading one", "A paragraph with a link.\nNew line.", "- one\n  - below\n- two", "1. first",
        "| Name | Price |\n| --- | --- |\n| A\\|B | 1 |\n| A\\|B | 2 |", "```\ncode\n  here\n```", "> said", "Term: Meaning",
    ]  # fmt: skip
    assert [(link.text, link.url) for link in document.links] == [("a link", "https://example.com/x")]


def test_a_term_that_asks_keeps_its_question_mark_alone() -> None:
    page = b"<html><body><dl><dt>Where is it?</dt><dd>In Rome.</dd><dt>Price:</dt><dd>5</dd></dl></body></html>"
    assert texts(extract(page, name="a.html")) == ["Where is it? In Rome.", "Price: 5"]


def test_layout_tables_are_read_as_text() -> None:
    page = b"<html><table><tr><td><h1>Title</h1><p>Text.</p></td><td><p>Side.</p></td></tr></table>"
    assert texts(extract(page, name="a.html")) == ["# Title", "Text.", "Side."]


def test_the_main_text_of_pages_is_found() -> None:
    """Token F1 of the whole set; its README's best public tools reach 0.96 to 0.97."""
    import gzip

    folder = shared("htmltext_a")
    precision = recall = 0.0
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").open()][:30]
    for row in rows:
        page = gzip.decompress((folder / row["file"]).read_bytes())
        found = extract(page, name="page.html", media_type_hint="text/html", main_text_only=True).text
        p, r = _precision_recall(found, row["gold_text"])
        precision, recall = precision + p / len(rows), recall + r / len(rows)
    assert 2 * precision * recall / (precision + recall) > 0.93


def _precision_recall(found: str, gold: str) -> tuple[float, float]:
    import re
    from collections import Counter

    a, b = Counter(re.findall(r"\w+", found)), Counter(re.findall(r"\w+", gold))
    common = sum((a & b).values())
    return common / max(sum(a.values()), 1), common / max(sum(b.values()), 1)


# --- DOCX ---


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def test_docx() -> None:
    table = (
        "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr><w:p><w:r><w:t>Both</w:t></w:r></w:p></w:tc></w:tr>"
        "<w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    body = "".join(
        [
            paragraph("Chapter", "<w:outlineLvl w:val='0'/>"),
            f"<w:p>{run('seen ')}{run('unseen', '<w:vanish/>')}<w:del>{run('deleted')}</w:del><w:ins>{run('inserted')}</w:ins></w:p>",
            paragraph("one", "<w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr>"),
            paragraph("two", "<w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr>"),
            table,
        ]
    )
    numbering = (
        "<w:numbering xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>"
        "<w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:start w:val='3'/><w:numFmt w:val='lowerRoman'/>"
        "<w:lvlText w:val='%1)'/></w:lvl></w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num></w:numbering>"
    )
    document = extract(docx(body, numbering=numbering), name="a.docx")
    assert document.text.split("\n\n") == [
        "# Chapter", "seen inserted", "iii) one\niv) two", "| Both |  |\n| --- | --- |\n| a | b |",
    ]  # fmt: skip


def test_a_broken_docx_says_so() -> None:
    with pytest.raises(BrokenDocument):
        extract(docx(paragraph("x"))[:-40], name="a.docx")


def test_a_bomb_is_refused() -> None:
    bomb = docx(paragraph("x") + " " * 40_000_000)
    with pytest.raises(LimitExceeded, match="unpacks to far more"):
        extract(bomb, name="a.docx")


def test_outside_entities_are_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f'<!DOCTYPE d [<!ENTITY e SYSTEM "file://{secret}">]><w:document xmlns:w="http://x"><w:body><w:p><w:r><w:t>a &e; b</w:t>'
            "</w:r></w:p></w:body></w:document>",
        )
    assert "secret" not in extract(buffer.getvalue(), name="a.docx").text


# --- PDF ---


def lines(
    texts: list[str], *, x: float = 72, y: float = 120, size: float = 11
) -> list[tuple[float, float, float, str]]:
    return [(x, y + index * 13, size, text) for index, text in enumerate(texts)]


BODY = [
    "This first paragraph runs over three lines of the page, so that it has to be",
    "joined again, and it holds an uncommonly long word that is parted, the exam-",
    "ple of which stands here at the end of a line.",
]


def test_pdf_paragraphs_headings_and_pages() -> None:
    first = [(72.0, 90.0, 20.0, "The heading"), *lines(BODY), *lines(["A second paragraph, with a first line indented a little, for the"], x=90, y=160),
             *lines(["reader to see."], y=173)]  # fmt: skip
    document = extract(pdf([first, lines(BODY)]), name="a.pdf")
    joined = (
        "This first paragraph runs over three lines of the page, so that it has to be joined again, and it holds an uncommonly "
        "long word that is parted, the example of which stands here at the end of a line."
    )
    assert texts(document)[:2] == ["# The heading", joined]
    assert len(document.page_starts) == 2
    assert document.text[document.page_starts[1] :].startswith("This first paragraph")
    assert document.blocks[-1].page == 2


def test_pdf_columns_are_read_one_after_the_other() -> None:
    left = [f"left line number {n} has some more words" for n in range(12)]
    right = [f"right line number {n} has some more words" for n in range(12)]
    text = extract(pdf([lines(left, size=10) + lines(right, x=330, size=10)]), name="a.pdf").text
    assert text.index("left line number 11") < text.index("right line number 0")


def test_pdf_tables() -> None:
    cells = [
        ("", "2023", "2024"),
        ("Net sales", "$ 1,200", "$ 1,350"),
        ("Costs", "(800)", "(850)"),
        ("Profit", "400", "500"),
    ]
    page = [
        (72.0 + 150 * column, 100.0 + 14 * row, 10.0, text)
        for row, line in enumerate(cells)
        for column, text in enumerate(line)
        if text
    ]
    document = extract(pdf([page]), name="a.pdf")
    assert document.text == (
        "|  | 2023 | 2024 |\n| --- | --- | --- |\n| Net sales | $ 1,200 | $ 1,350 |\n| Costs | (800) | (850) |\n| Profit | 400 | 500 |"
    )


def test_pdf_links_have_the_words_they_lie_over() -> None:
    action = b"/A << /S /URI /URI (https://example.com/fees) >>"
    link = b"/Annots [<< /Type /Annot /Subtype /Link /Rect [60 700 300 740] " + action + b" >>] /MediaBox"
    document = extract(
        pdf([[(72, 72, 12, "Read the fees."), (72, 200, 12, "Nothing here.")]]).replace(b"/MediaBox", link),
        name="a.pdf",
    )
    assert [(each.text, each.url) for each in document.links] == [("Read the fees.", "https://example.com/fees")]


def test_pdf_running_lines_are_removed() -> None:
    pages = [
        [
            (72.0, 40.0, 9.0, "Annual report 2024"),
            (300.0, 770.0, 9.0, f"Page {n}"),
            *lines([f"Content of the page with number {n}."]),
        ]
        for n in range(1, 6)
    ]
    text = extract(pdf(pages), name="a.pdf").text
    assert "Annual report" not in text
    assert "Page 1" not in text
    assert text.count("Content of the page") == 5


def test_pdf_lines_at_the_edge_that_say_something_else_on_each_page_are_kept() -> None:
    prices = [49, 129, 15, 310, 49]
    pages = [
        [
            (72.0, 40.0, 9.0, "Lamps of the year 2026"),
            (72.0, 60.0, 9.0, f"Article no. {44100 + price * 7}"),
            (72.0, 74.0, 9.0, f"Price: {price} EUR"),
            *lines([f"The lamp of this page has the number {n} of its kind."]),
            (72.0, 740.0, 9.0, f"Stock: {price % 13} pieces"),
            (300.0, 770.0, 9.0, f"Catalogue 2026, sheet {n + 10} of 15"),
        ]
        for n, price in enumerate(prices)
    ]
    text = extract(pdf(pages), name="a.pdf").text
    assert all(f"Price: {price} EUR" in text for price in prices)
    assert text.count("Article no.") == text.count("Stock:") == 5
    assert "Lamps of the year" not in text
    assert "sheet" not in text


@pytest.mark.parametrize(("matrix", "x", "y"), [("0 1 -1 0", 14, 0), ("0 -1 1 0", -14, 0)], ids=["up", "down"])
def test_pdf_text_that_is_turned_is_read_as_it_runs(matrix: str, x: int, y: int) -> None:
    turned = "".join(
        f"BT /F1 11 Tf {matrix} {300 + x * n} {400 + y * n} Tm (Line {n} speaks of eels.) Tj ET\n" for n in range(3)
    )
    page = pdf([[(72, 72, 12, "placeholder")]])
    old = page[page.index(b"BT /F1") : page.index(b"endstream")]
    length = f"<< /Length {len(old)} >>".encode()
    data = page.replace(length, f"<< /Length {len(turned)} >>".encode()).replace(old, turned.encode())
    assert extract(data, name="a.pdf").text == "Line 0 speaks of eels. Line 1 speaks of eels. Line 2 speaks of eels."


def test_pdf_forms_are_read_with_what_was_filled_in() -> None:
    stream = "BT /F1 12 Tf 2 4 Td (Anna Berg) Tj ET"
    look = f"<< /Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F1 3 0 R >> >> /Length {len(stream)} >>"
    field = "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Anna Berg) /F 4 /Rect [120 708 320 728] /AP << /N 7 0 R >> >>"
    data = pdf([[(72, 80, 12, "Name:"), (72, 120, 12, "Town:")]])
    data = data.replace(b"/Type /Catalog", b"/Type /Catalog /AcroForm << /Fields [6 0 R] >>")
    data = data.replace(b"/MediaBox", b"/Annots [6 0 R] /MediaBox")
    more = f"6 0 obj\n{field}\nendobj\n7 0 obj\n{look}\nstream\n{stream}\nendstream\nendobj\n".encode()
    data = data[: data.index(b"xref")] + more + b"trailer << /Size 8 /Root 1 0 R >>\n%%EOF"
    text = extract(data, name="a.pdf").text
    assert "Name: Anna Berg" in text
    assert "Town:" in text


def test_scanned_pages_are_named() -> None:
    folder = shared("formats_a")
    with pytest.raises(EmptyDocument, match="Pages 1–3 are pictures without text"):
        extract(folder / "files/markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf", name="scan.pdf")


# --- files of many tools, against known-good texts ---

FLOORS = {"docx": 0.95, "html": 0.95, "pdf": 0.97, "md": 0.85}


@pytest.mark.parametrize("format_name", FLOORS)
def test_text_fidelity(format_name: str) -> None:
    """Mean token F1 of a format; ``benchmarks.text_fidelity`` prints it file by file."""
    from benchmarks.text_fidelity import measure

    scores = [row.f1 for row in measure(shared("formats_a"), {format_name}) if row.f1 is not None]
    assert sum(scores) / len(scores) > FLOORS[format_name]


def outcome(path: Path, name: str) -> ExtractedDocument | ContentError:
    try:
        return extract(path, name=name, limits=Limits())
    except ContentError as error:
        return error


def test_every_ordinary_file_is_read_or_refused_with_a_sentence() -> None:
    folder = shared("formats_a")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").open()]
    for row in (row for row in rows if row["format"] != "gold"):
        found = outcome(folder / row["file"], row["file"])
        if isinstance(found, ContentError):
            assert found.message.endswith("."), row["file"]
        else:
            assert found.blocks
