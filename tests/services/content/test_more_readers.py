"""Office, mail, data and book formats, each on a small file made here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage

import pytest

from chatsphere.services.content.extract import extract, members
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import (
    BrokenDocument,
    EmptyDocument,
    EncryptedDocument,
    LimitExceeded,
    UnsupportedFormat,
)
from chatsphere.services.types import BlockKind, ExtractedDocument

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def packed(**files: str) -> bytes:
    """A ZIP; dots and slashes in names are written ``_DOT_`` and ``__``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return buffer.getvalue()


def parts(data: bytes, name: str) -> list[str]:
    return extract(data, name=name).text.split("\n\n")


def relation(kind: str, target: str, number: int = 1) -> str:
    return f'<Relationships><Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}"/></Relationships>'


def workbook(sheet: str, **more: str) -> bytes:
    return packed(
        xl__workbook_DOT_xml=f'<workbook xmlns:r="{RELATIONS}"><sheets><sheet name="Prices" r:id="r1"/></sheets></workbook>',
        xl___rels__workbook_DOT_xml_DOT_rels=relation("worksheet", "worksheets/s.xml"),
        xl__worksheets__s_DOT_xml=f"<worksheet>{sheet}</worksheet>",
        **more,
    )


def test_a_filtered_table_of_a_workbook_stays_one_table() -> None:
    rows = "".join(
        f'<row r="{n}" hidden="{int(n == 3)}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>{n * 10}</v></c></row>'
        for n in range(1, 6)
    )
    shown = "| 1 | 10 |\n| --- | --- |\n| 2 | 20 |\n| 4 | 40 |\n| 5 | 50 |"
    assert parts(workbook(f"<sheetData>{rows}</sheetData>"), "a.xlsx") == ["## Prices", shown]


def cells(*rows: str) -> str:
    """Rows of a sheet as ``A1=x B1=y``."""
    shown = []
    for row in rows:
        pairs = [each.split("=") for each in row.split()]
        number = pairs[0][0].lstrip("ABCDEFG")
        inside = "".join(f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>' for place, text in pairs)
        shown.append(f'<row r="{number}">{inside}</row>')
    return f"<sheetData>{''.join(shown)}</sheetData>"


def test_a_cell_of_a_workbook_that_covers_several_rows_stands_in_each_of_them() -> None:
    sheet = cells("A1=Region B1=Month", "A2=North B2=May", "A3= B3=June", "A4=South B4=July")
    shown = "| Region | Month |\n| --- | --- |\n| North | May |\n| North | June |\n| South | July |"
    merges = '<mergeCells><mergeCell ref="A2:A3"/><mergeCell ref="A4:B4"/><mergeCell ref="nonsense"/></mergeCells>'
    assert parts(workbook(sheet + merges), "a.xlsx") == ["## Prices", shown]


def test_tables_that_stand_beside_each_other_in_a_workbook_are_told_apart() -> None:
    sheet = cells("A1=Item B1=Price", "A2=Bolt B2=1 D2=Town E2=Shop", "A3=Nut B3=2 D3=Bonn E3=open")
    assert parts(workbook(sheet), "a.xlsx")[1:] == [
        "| Item | Price |\n| --- | --- |\n| Bolt | 1 |\n| Nut | 2 |",
        "| Town | Shop |\n| --- | --- |\n| Bonn | open |",
    ]


def test_a_table_of_a_workbook_with_an_empty_column_stays_one() -> None:
    sheet = cells("A1=Item B1=Kind D1=Price E1=Unit", "A2=Bolt B2=steel D2=1 E2=kg")
    shown = "| Item | Kind | Price | Unit |\n| --- | --- | --- | --- |\n| Bolt | steel | 1 | kg |"
    assert parts(workbook(sheet), "a.xlsx") == ["## Prices", shown]


def test_whoever_uploads_a_damaged_file_is_told_what_to_do() -> None:
    with pytest.raises(BrokenDocument, match="save it again and upload that copy"):
        extract(workbook(cells("A1=x"))[:-30], name="a.xlsx")


def test_xlsx() -> None:
    sheet = (
        '<cols><col min="3" max="3" hidden="1"/></cols><sheetData>'
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Since</t></is></c><c r="C1"><v>7</v></c></row>'
        '<row r="2"><c r="A2"><v>1.50</v></c><c r="B2" s="1"><v>45292</v></c></row>'
        '<row r="3" hidden="1"><c r="A3"><v>99</v></c></row>'
        '<row r="6"><c r="A6" t="b"><v>1</v></c></row></sheetData>'
    )
    data = workbook(
        sheet,
        xl__sharedStrings_DOT_xml="<sst><si><r><t>Pri</t></r><r><t>ce</t></r><rPh><t>kana</t></rPh></si></sst>",
        xl__styles_DOT_xml='<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    )
    assert parts(data, "a.xlsx") == ["## Prices", "| Price | Since |\n| --- | --- |\n| 1.5 | 2024-01-01 |", "TRUE"]


def test_pptx() -> None:
    slide = (
        '<sld><sp><txBody><p><r><t>First</t></r></p><p><pPr lvl="1"><buChar/></pPr><r><t>Second</t></r></p></txBody></sp>'
        '<sp><nvPr><ph type="title"/></nvPr><txBody><p><r><t>The title</t></r></p></txBody></sp>'
        '<sp><nvPr><ph type="sldNum"/></nvPr><txBody><p><r><t>7</t></r></p></txBody></sp></sld>'
    )
    data = packed(
        ppt__presentation_DOT_xml=f'<p xmlns:r="{RELATIONS}"><sldIdLst><sldId r:id="r1"/></sldIdLst></p>',
        ppt___rels__presentation_DOT_xml_DOT_rels=relation("slide", "slides/s.xml"),
        ppt__slides__s_DOT_xml=slide,
        ppt__slides___rels__s_DOT_xml_DOT_rels=relation("notesSlide", "../notesSlides/n.xml"),
        ppt__notesSlides__n_DOT_xml='<n><sp><nvPr><ph type="body"/></nvPr><txBody><p><r><t>Say hello.</t></r></p></txBody></sp></n>',
    )
    document = extract(data, name="a.pptx")
    assert document.text.split("\n\n") == ["## The title", "- First\n  - Second", "Say hello."]
    assert document.page_starts == (0,)


def test_pptx_merged_cells_and_charts() -> None:
    def cells(*texts: str, mark: str = "") -> str:
        return "".join(
            f"<tc {mark if not text else ''}><txBody><p><r><t>{text}</t></r></p></txBody></tc>" for text in texts
        )

    def points(name: str, *values: str) -> str:
        stored = "".join(f'<pt idx="{n}"><v>{value}</v></pt>' for n, value in enumerate(values))
        return f"<{name}><x>{stored}</x></{name}>"

    rows = (cells("Both", "", mark='hMerge="1"'), cells("a", "b"), cells("", "c", mark='vMerge="1"'))
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    ducks = points("tx", "Ducks") + points("cat", "2025", "2026") + points("val", "120", "130")
    chart = f"<chart><title><t>Birds</t></title><ser>{ducks}</ser><ser>{points('val', '7')}</ser></chart>"
    frames = f'<graphicFrame><tbl>{table}</tbl></graphicFrame><graphicFrame><chart r:id="r1"/></graphicFrame>'
    data = packed(
        ppt__presentation_DOT_xml=f'<p xmlns:r="{RELATIONS}"><sldIdLst><sldId r:id="r1"/></sldIdLst></p>',
        ppt___rels__presentation_DOT_xml_DOT_rels=relation("slide", "slides/s.xml"),
        ppt__slides__s_DOT_xml=f'<sld xmlns:r="{RELATIONS}">{frames}</sld>',
        ppt__slides___rels__s_DOT_xml_DOT_rels=relation("chart", "../charts/c.xml"),
        ppt__charts__c_DOT_xml=chart,
    )
    assert parts(data, "a.pptx") == [
        "| Both | Both |\n| --- | --- |\n| a | b |\n| a | c |",
        "Birds",
        "|  | Ducks |  |\n| --- | --- | --- |\n| 2025 | 120 | 7 |\n| 2026 | 130 |  |",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_any_delimiter(delimiter: str) -> None:
    source = 'name;note\nAnn;"says ""hi"";\nand more"\nBob;x\n'.replace(";", delimiter)
    (table,) = parts(source.encode(), "a.csv")
    note = f'says "hi"{delimiter} and more'.replace("\t", " ").replace("|", "\\|").replace("  ", " ")
    assert table == f"| name | note |\n| --- | --- |\n| Ann | {note} |\n| Bob | x |"


def test_json_records_are_a_table_and_trees_are_lists() -> None:
    assert parts(b'[{"a": 1, "b": "x"}, {"a": 2, "c": true}]', "a.json") == [
        "| a | b | c |\n| --- | --- | --- |\n| 1 | x |  |\n| 2 |  | true |"
    ]
    assert parts(b'{"name": "Ann", "tags": ["x", "y"], "home": {"city": "Rome"}}', "a.json") == [
        "- name: Ann\n- tags:\n  - x, y\n- home:\n  - city: Rome"
    ]
    assert parts(b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "a.jsonl") == [
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
    ]


def test_json_nested_beyond_the_limit_is_refused() -> None:
    with pytest.raises((LimitExceeded, BrokenDocument)):
        extract(b'{"a":' * 400 + b"1" + b"}" * 400, name="a.json", limits=Limits(max_nesting=100))


MAIL = b"""From: Ann <ann@example.com>
To: bob@example.com
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Mon, 1 Jan 2024 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Hello <b>Bob</b></p>
--b
Content-Type: application/pdf; name="offer.pdf"
Content-Disposition: attachment; filename="offer.pdf"

x
--b--
"""


def test_mail() -> None:
    document = extract(MAIL, name="a.eml")
    assert document.title == "Grüße"
    assert document.text.split("\n\n") == [
        "# Grüße",
        "From: Ann <ann@example.com>\nTo: bob@example.com\nDate: Mon, 01 Jan 2024 10:00:00 +0000",
        "Hello Bob",
        "Attachments: offer.pdf",
        "## offer.pdf",
        "x",
    ]


def mail_of(build: Callable[[EmailMessage], None]) -> ExtractedDocument:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@example.com", "Offer"
    build(message)
    return extract(message.as_bytes(), name="a.eml")


def test_what_is_attached_to_a_mail_is_read() -> None:
    def build(message: EmailMessage) -> None:
        message.set_content("The prices are attached.")
        message.add_attachment(b"name,price\ntea,3\n", maintype="text", subtype="csv", filename="prices.csv")
        message.add_attachment(b"# Rules\n\nNo refunds.", maintype="text", subtype="markdown", filename="rules.md")
        message.add_attachment(b"\x89PNG\r\n\x1a\nlogo", maintype="image", subtype="png", filename="logo.png")

    document = mail_of(build)
    assert (
        "## prices.csv\n\n| name | price |\n| --- | --- |\n| tea | 3 |\n\n## rules.md\n\n### Rules\n\nNo refunds."
        in document.text
    )
    table = next(block for block in document.blocks if block.kind is BlockKind.TABLE)
    assert document.text[table.char_start : table.header_end] == "| name | price |\n| --- | --- |\n"
    assert (document.is_partial, document.warnings) == (False, ())


def test_an_attachment_that_cannot_be_read_makes_the_mail_partial() -> None:
    def build(message: EmailMessage) -> None:
        message.set_content("See the file.")
        message.add_attachment(b"%PDF-1.7 broken", maintype="application", subtype="pdf", filename="offer.pdf")

    document = mail_of(build)
    assert document.is_partial
    assert "The attachment offer.pdf was left out: " in document.warnings[0]
    assert "See the file." in document.text


def test_a_forwarded_message_is_read() -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "bob@example.com", "Delivery"
    inner.set_content("It takes three days.")
    inner.add_attachment("Four days to islands.", filename="islands.txt")

    def build(message: EmailMessage) -> None:
        message.set_content("See below.")
        message.add_attachment(inner)

    text = mail_of(build).text
    assert "See below." in text
    assert "## Delivery" in text
    assert "It takes three days." in text
    assert "### islands.txt\n\nFour days to islands." in text


def test_messages_in_messages_end() -> None:
    message = EmailMessage()
    message["Subject"] = "0"
    message.set_content("Innermost.")
    for number in range(1, 9):
        outer = EmailMessage()
        outer["From"], outer["Subject"] = "ann@example.com", str(number)
        outer.set_content(f"Around {number}.")
        outer.add_attachment(message)
        message = outer
    document = extract(message.as_bytes(), name="a.eml")
    assert ("Around 3." in document.text, "Innermost." in document.text, document.is_partial) == (True, False, True)


def test_of_a_stub_and_a_page_the_page_is_read() -> None:
    def build(message: EmailMessage) -> None:
        message.set_content("Your mail client does not support HTML.")
        message.add_alternative("<p>" + "The price is 30 euros for each of the packages. " * 5 + "</p>", subtype="html")

    assert "30 euros" in mail_of(build).text


def test_of_two_equal_texts_the_plain_one_is_read() -> None:
    def build(message: EmailMessage) -> None:
        message.set_content("The price is *30 euros*.")
        message.add_alternative("<p>The price is <b>30 euros</b>.</p>", subtype="html")

    assert "*30 euros*" in mail_of(build).text


def test_addresses_in_a_mail_are_links() -> None:
    document = extract(
        b"From: a@example.com\nSubject: Hi\n\nSee https://example.com/a?b=1, then (http://example.org/x).\n",
        name="a.eml",
    )
    assert [link.url for link in document.links] == ["https://example.com/a?b=1", "http://example.org/x"]


def test_a_mailbox_has_a_heading_for_each_message() -> None:
    one = (
        b"From ann@example.com Mon Jan  1 10:00:00 2024\nFrom: ann@example.com\nSubject: One\n\nText.\n>From here.\n\n"
    )
    document = extract(one + one.replace(b"One", b"Two"), name="a.mbox")
    assert [part for part in document.text.split("\n\n") if part.startswith("#")] == ["## One", "## Two"]
    assert "\nFrom here." in document.text


OFFICE = 'xmlns:office="o" xmlns:text="t" xmlns:table="b" xmlns:xlink="x"'


def test_opendocument() -> None:
    content = (
        f"<office:document {OFFICE}><office:body><office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        '<text:h text:outline-level="2">Head</text:h><text:p>One<text:s/>two <text:a xlink:href="https://example.com">link</text:a></text:p>'
        "<text:list><text:list-item><text:p>item</text:p><text:list><text:list-item><text:p>below</text:p></text:list-item></text:list>"
        "</text:list-item></text:list><table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row><table:table-row>"
        '<table:table-cell table:number-columns-repeated="2"><text:p>c</text:p></table:table-cell></table:table-row></table:table>'
        "</office:text></office:body></office:document>"
    )
    data = packed(mimetype="application/vnd.oasis.opendocument.text", content_DOT_xml=content)
    assert parts(data, "a.odt") == [
        "## Head", "One two link", "- item\n  - below", "| a | b |\n| --- | --- |\n| c | c |",
    ]  # fmt: skip


def test_an_encrypted_opendocument_is_refused() -> None:
    data = packed(
        mimetype="application/vnd.oasis.opendocument.text",
        content_DOT_xml="x",
        **{"META-INF__manifest_DOT_xml": "<m><encryption-data/></m>"},
    )
    with pytest.raises(EncryptedDocument):
        extract(data, name="a.odt")


def test_epub() -> None:
    data = packed(
        mimetype="application/epub+zip",
        **{"META-INF__container_DOT_xml": '<c><rootfile full-path="in/book.opf"/></c>'},
        in__book_DOT_opf='<p><title>Book</title><language>en-GB</language><item id="b" href="b.xhtml"/><item id="a" href="a%20b.xhtml"/>'
        '<itemref idref="a"/><itemref idref="b"/></p>',
        in__b_DOT_xhtml="<html><body><p>Second.</p></body></html>",
        **{"in__a b_DOT_xhtml": "<html><body><h1>First</h1></body></html>"},
    )
    document = extract(data, name="a.epub")
    assert (document.title, document.language) == ("Book", "en")
    assert document.text == "# First\n\nSecond."


def test_rtf() -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title x}}\pard Gr\'fc\'dfe \u8364?5 {\v hidden}{\*\junk y}\par"
        rb"\pard\intbl a\cell b\cell\row\pard\intbl c\cell d\cell\row\pard Last\par}"
    )
    assert parts(source, "a.rtf") == ["Grüße €5", "| a | b |\n| --- | --- |\n| c | d |", "Last"]


def test_subtitles() -> None:
    source = "WEBVTT\n\n1\n00:00:01.000 --> 00:00:03.000\n<v Ann>Hello there.\n\n01:02.000 --> 01:04.000\nGoodbye &amp; thanks.\n"
    assert parts(source.encode(), "a.vtt") == ["[00:00:01] Ann: Hello there.", "[00:01:02] Goodbye & thanks."]
    assert parts(b"1\r\n00:00:01,000 --> 00:00:03,000\r\nHi.\r\n", "a.srt") == ["[00:00:01] Hi."]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("=====\nTitle\n=====\n\nText.\n\nPart\n----\n\n- item\n\n.. image:: x.png\n", "a.rst"),
        ("= Title\n:toc:\n\nText.\n\n== Part\n\n* item\n\n// comment\n", "a.adoc"),
        ("#+OPTIONS: x\n* Title\nText.\n\n** Part\n\n- item\n", "a.org"),
    ],
)
def test_other_text_markups_stay_verbatim(source: str, name: str) -> None:
    document = extract(source.encode(), name=name)
    assert document.text == source
    assert document.title == "Title"
    assert [(block.kind.value, block.level) for block in document.blocks] == [
        ("heading", 1), ("paragraph", 0), ("heading", 2), ("list", 0),
    ]  # fmt: skip


def test_feeds_and_records() -> None:
    feed = b"<?xml version='1.0'?><rss><channel><title>News</title><item><title>One</title><description>&lt;p&gt;Text&lt;/p&gt;</description></item></channel></rss>"
    assert parts(feed, "a.xml") == ["# News", "## One", "Text"]
    assert parts(b"<?xml version='1.0'?><all><r><a>1</a><b>x</b></r></all>", "a.xml") == ["- a: 1\n- b: x"]


def test_words_between_marks_are_not_lost() -> None:
    assert parts(b"<?xml version='1.0'?><all><note>See <i>Table 1</i> and <b>p</b> there.</note></all>", "a.xml") == [
        "See Table 1 and p there."
    ]
    assert parts(b"<?xml version='1.0'?><all><p>See <x>1</x> and <y>2</y>.</p></all>", "a.xml") == ["See 1 and 2."]


def test_the_front_of_an_article_says_what_readers_ask() -> None:
    front = (
        "<journal-meta><journal-id>x1</journal-id><journal-title>Lakes</journal-title></journal-meta><article-meta>"
        '<article-id pub-id-type="doi">10.1/2</article-id><article-id pub-id-type="pmid">77</article-id>'
        "<article-categories><subject>Biology</subject></article-categories><article-title>On pikes</article-title>"
        '<contrib contrib-type="author"><name><surname>Roe</surname><given-names>Ann</given-names></name><role>Software</role></contrib>'
        '<contrib contrib-type="author"><collab>The Pike Group</collab></contrib>'
        "<aff><label>1</label>Institute of Lakes</aff><pub-date><month>5</month><year>2024</year></pub-date>"
        "<abstract><p>Pikes grow.</p></abstract><kwd>pike</kwd><kwd>lake</kwd></article-meta>"
    )
    article = f"<?xml version='1.0'?><article><front>{front}</front><body><sec><title>Method</title><p>We fished.</p></sec></body></article>"
    assert parts(article.encode(), "a.xml") == [
        "# On pikes",
        "Authors: Ann Roe, The Pike Group",
        "Affiliations: Institute of Lakes",
        "Published: Lakes, 2024, DOI 10.1/2",
        "## Abstract",
        "Pikes grow.",
        "Keywords: pike, lake",
        "## Method",
        "We fished.",
    ]


def test_xml_bombs_stay_small() -> None:
    lol = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><x><p>Before.</p><p>&l9; end</p></x>'
    assert len(extract(bomb.encode(), name="a.xml").text) < 1_000


def test_a_zip_is_read_file_by_file() -> None:
    data = packed(
        **{"docs__a_DOT_md": "# A\n\nText.", "__MACOSX/._a": "x", ".hidden": "x", "inner.zip": "x", "b.txt": "B."}
    )
    assert members(data, name="a.zip") == ("docs/a.md", "b.txt")
    assert extract(data, name="a.zip", member="docs/a.md").title == "A"
    assert members(b"no archive", name="a.txt") == ()
    with pytest.raises(UnsupportedFormat, match="holds 2 files"):
        extract(data, name="a.zip")
    with pytest.raises(BrokenDocument):
        extract(data, name="a.zip", member="../../etc/passwd")


@pytest.mark.parametrize("folder", ["word", "xl", "ppt"])
def test_a_zip_with_a_folder_named_as_in_office_files_is_a_zip(folder: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{folder}/notes.md", "# Notes")
    assert members(buffer.getvalue(), name="all.zip") == (f"{folder}/notes.md",)


def test_names_of_macos_in_a_zip_are_read() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Gr\u00f6\u00dfe.txt", "Ten.")
    data = bytearray(buffer.getvalue())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + flags + 1
        data[at] &= ~0x08  # nobody says that this is UTF-8
    assert members(bytes(data), name="all.zip") == ("Gr\u00f6\u00dfe.txt",)
    assert extract(bytes(data), name="all.zip", member="Gr\u00f6\u00dfe.txt").text == "Ten."


def test_a_zip_of_archives_is_empty() -> None:
    with pytest.raises(EmptyDocument):
        extract(packed(**{"a.zip": "x"}), name="b.zip")


@pytest.mark.parametrize(
    ("name", "table", "header"),
    [
        ("a.adoc", "|===\n|Name |Price\n|Pear |2\n|===", "|===\n|Name |Price\n"),
        ("a.org", "| Name | Price |\n|------+-------|\n| Pear | 2 |", "| Name | Price |\n|------+-------|\n"),
        (
            "a.rst",
            "===== =====\nName  Price\n===== =====\nPear  2\n===== =====",
            "===== =====\nName  Price\n===== =====\n",
        ),
        ("a.rst", "+---+---+\n| N | P |\n+===+===+\n| a | 2 |\n+---+---+", "+---+---+\n| N | P |\n+===+===+\n"),
        ("a.rst", "+---+---+\n| N | P |\n+---+---+\n| a | 2 |\n+---+---+", None),
    ],
)
def test_tables_of_outlines_know_their_header(name: str, table: str, header: str | None) -> None:
    heading = {"a.adoc": "= Fruit", "a.org": "* Fruit", "a.rst": "Fruit\n====="}[name]
    document = extract(f"{heading}\n\nSee https://example.com/pears.\n\n{table}\n\nAfter.\n".encode(), name=name)
    [block] = [block for block in document.blocks if block.kind.value == "table"]
    assert (document.text[block.char_start : block.header_end] if block.header_end else None) == header
    assert [link.url for link in document.links] == ["https://example.com/pears"]


def test_a_workbook_shows_numbers_as_its_reader_sees_them() -> None:
    codes = {
        164: '#,##0.00\\ "€";[Red]\\-#,##0.00\\ "€"',
        165: "[$£-809]#,##0.00",
        166: "0.0%",
        167: "[h]:mm",
        168: '0" kg"',
        169: "#,##0,",
        170: "000-0000",
        171: "_-* #,##0.00_-;\\-* #,##0.00_-",
        172: '"Q"0',
    }
    numbers = [0, 9, *codes]
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in numbers)
    formats = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
        for number, code in codes.items()
    )
    values = [0.5, 0.25, -1234.5, 7, 0.1234, 1.5, 12, 1234567, 5551234, 9.99, 3]
    row = "".join(f'<c r="{chr(65 + n)}1" s="{n}"><v>{value}</v></c>' for n, value in enumerate(values))
    sheet = f'<sheetData><row r="1">{row}</row><row r="2"><c r="A2"><v>1</v></c></row></sheetData>'
    data = workbook(
        sheet,
        xl__styles_DOT_xml=f"<styleSheet><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
    )
    shown = ["0.5", "25%", "-1234.50 €", "£7.00", "12.3%", "36:00", "12 kg", "1234567", "5551234", "9.99", "Q3"]
    assert parts(data, "a.xlsx")[1].split("\n")[0] == f"| {' | '.join(shown)} |"


def test_formulas_without_results_are_told() -> None:
    sheet = (
        '<sheetData><row r="1"><c r="A1"><v>2</v></c><c r="B1"><f>A1*2</f></c><c r="C1"><f>A1*3</f><v></v></c>'
        '<c r="D1" t="str"><f>T("")</f><v></v></c></row></sheetData>'
    )
    document = extract(workbook(sheet), name="a.xlsx")
    [warning] = document.warnings
    assert warning.startswith("2 cells hold formulas whose results are not in the file")
    assert document.is_partial


def test_json_lines_that_are_none_are_left_out_and_named() -> None:
    document = extract(b'{"a": 1, "b": 2}\n\n{"a": 3,\n{"a": 3, "b": 4}\n', name="a.jsonl")
    assert document.text == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
    assert document.warnings == ("Line 3 is no JSON and left out. Correct that and upload the file again.",)
    assert document.is_partial


def test_a_broken_json_tells_where() -> None:
    with pytest.raises(BrokenDocument, match=r"line 3 column \d+ .*Correct that and upload it again\."):
        extract(b'{\n  "a": 1,\n  "b": ]\n}\n', name="a.json")


def test_litter_of_windows_in_an_archive_is_left_out() -> None:
    data = packed(a_DOT_txt="Words.", Thumbs_DOT_db="x", folder__desktop_DOT_ini="[x]")
    assert members(data, name="a.zip") == ("a.txt",)
