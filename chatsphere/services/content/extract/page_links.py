"""The links that lie over a page of a PDF: where they lead, and the words under them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

_MOST = 1_000  # of a page
_LONGEST = 2_000  # characters of an address


def page_links(pdf: pdfium.PdfDocument, page: pdfium.PdfPage) -> list[tuple[str, str]]:
    """Words and address of each link to the web, in the order of the file. Links within the document lead nowhere else: left out."""
    links = list(_links(pdf, page))
    if not links:
        return []
    try:
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return [("", address) for _, address in links]
    try:
        return [(_words(text_page, link), address) for link, address in links]
    finally:
        text_page.close()


def _links(pdf: pdfium.PdfDocument, page: pdfium.PdfPage) -> Iterator[tuple[pdfium_c.FPDF_LINK, str]]:
    position = ctypes.c_int(0)
    for _ in range(_MOST):
        link = pdfium_c.FPDF_LINK()
        if not pdfium_c.FPDFLink_Enumerate(page.raw, ctypes.byref(position), ctypes.byref(link)):
            return
        if address := _address(pdf, pdfium_c.FPDFLink_GetAction(link)):
            yield link, address


def _address(pdf: pdfium.PdfDocument, action: pdfium_c.FPDF_ACTION) -> str:
    if not action or pdfium_c.FPDFAction_GetType(action) != pdfium_c.PDFACTION_URI:
        return ""
    size = pdfium_c.FPDFAction_GetURIPath(pdf.raw, action, None, 0)
    if not 1 < size <= _LONGEST:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium_c.FPDFAction_GetURIPath(pdf.raw, action, buffer, size)
    address = buffer.value.decode("utf-8", "replace").strip()
    return address if address.startswith(("http://", "https://", "mailto:")) else ""


def _words(text_page: pdfium.PdfTextPage, link: pdfium_c.FPDF_LINK) -> str:
    box = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFLink_GetAnnotRect(link, ctypes.byref(box)):
        return ""
    return (
        str(text_page.get_text_bounded(box.left, box.bottom, box.right, box.top))
        .replace("\x02", "")
        .replace("\ufffe", "")
    )
