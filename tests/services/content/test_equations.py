"""Equations of office files are read in one line that keeps fractions, roots, powers and limits apart."""

from __future__ import annotations

import pytest

from chatsphere.services.content.extract import extract
from chatsphere.services.content.extract.equations import equation_text
from chatsphere.services.content.extract.xml import parse_xml
from tests.services.content.samples import docx
from tests.services.content.test_more_readers import RELATIONS, packed, relation

M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def form(name: str, properties: str = "", **parts: str) -> str:
    inner = "".join(f"<m:{part}>{content}</m:{part}>" for part, content in parts.items())
    return f"<m:{name}><m:{name}Pr>{properties}</m:{name}Pr>{inner}</m:{name}>"


def said(content: str) -> str:
    return equation_text(parse_xml(f"<m:oMath {M}>{content}</m:oMath>".encode()))


SQUARE = form("sSup", e=run("b"), sup=run("2"))
ROOT = form("rad", '<m:degHide m:val="1"/>', deg="", e=SQUARE + run("-4ac"))
BRACKETS = '<m:begChr m:val="["/><m:endChr m:val="]"/>'
MATRIX = f"<m:m><m:mr><m:e>{run('a')}</m:e><m:e>{run('b')}</m:e></m:mr><m:mr><m:e>{run('c')}</m:e><m:e>{run('d')}</m:e></m:mr></m:m>"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (run("x=") + form("f", num=run("-b±") + ROOT, den=run("2a")), "x=(-b±√(b^2-4ac))/(2a)"),
        (form("rad", deg=run("3"), e=run("x")), "√(3&x)"),
        (form("sSup", e=run("e"), sup=run("-x")), "e^(-x)"),
        (form("sSup", e=run("x"), sup=run("10")), "x^10"),
        (form("sSubSup", e=run("N"), sub=run("i"), sup=run("k+1")), "N_i^(k+1)"),
        (form("sPre", sub=run("6"), sup=run("14"), e=run("C")), "_6^14C"),
        (form("nary", '<m:chr m:val="∑"/>', sub=run("k=0"), sup=run("n"), e=run("k")), "∑_(k=0)^n k"),
        (form("nary", sub="", sup="", e=run("xdx")), "∫ xdx"),
        (form("d", e=form("f", '<m:type m:val="noBar"/>', num=run("n"), den=run("k"))), "(n choose k)"),
        (form("d", '<m:begChr m:val="{"/><m:endChr m:val=""/>', e=run("x,y")), "{x,y"),
        (form("d", BRACKETS, e=MATRIX), "[a, b; c, d]"),
        (form("func", fName=form("limLow", e=run("lim"), lim=run("n→∞")), e=run("n")), "lim_(n→∞) n"),
        (form("func", fName=run("sin"), e=form("d", e=run("x"))), "sin(x)"),
        (form("acc", '<m:chr m:val="&#x20D7;"/>', e=run("v")), "v\u20d7"),
        (form("sSup", e=run("x"), sup=form("d", e=run("a")) + form("d", e=run("b"))), "x^((a)(b))"),
        (f"<m:eqArr><m:e>{run('x=1')}</m:e><m:e>{run('y=2')}</m:e></m:eqArr>", "x=1; y=2"),
        ('<w:del xmlns:w="w"><m:r><m:t>old</m:t></m:r></w:del>' + run("new"), "new"),
    ],
)
def test_forms(content: str, text: str) -> None:
    assert said(content) == text


def test_a_hundred_thousand_levels_end() -> None:
    assert said("<m:rad><m:e>" * 100 + run("x") + "</m:e></m:rad>" * 100).endswith("x" + ")" * 59)


def test_a_document_and_a_slide() -> None:
    equation = f"<m:oMath {M}>{run('A=π')}{form('sSup', e=run('r'), sup=run('2'))}</m:oMath>"
    text = extract(docx(f"<w:p><w:r><w:t>The area is </w:t></w:r>{equation}.</w:p>"), name="a.docx").text
    assert text == "The area is A=πr^2"
    slide = f"<sld><sp><txBody><p><r><t>Area: </t></r>{equation}<r><t> of a disc</t></r></p></txBody></sp></sld>"
    data = packed(
        ppt__presentation_DOT_xml=f'<p xmlns:r="{RELATIONS}"><sldIdLst><sldId r:id="r1"/></sldIdLst></p>',
        ppt___rels__presentation_DOT_xml_DOT_rels=relation("slide", "slides/s.xml"),
        ppt__slides__s_DOT_xml=slide,
    )
    assert extract(data, name="a.pptx").text == "Area: A=πr^2 of a disc"
