"""One spelling of an e-mail address, so that nobody gets two accounts by one mailbox, or another's mail by a letter that looks alike."""

from __future__ import annotations

import re

import idna

_PLAIN = re.compile(r"[\x21-\x7e]+")  # Unicode has letters whose small form is ASCII: the Kelvin sign is a k


def one_spelling(address: str) -> str:
    """The address with its domain in ASCII and small letters (UTS 46); what stands before the @ keeps its case.

    Raises ValueError for a local part that is quoted or not ASCII, and for a domain that is none.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or _PLAIN.fullmatch(local) is None or '"' in local:
        raise ValueError("this is no address that ChatSphere takes")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"


def spellings(address: str) -> set[str]:
    """How a row may hold it, in small letters: as ``one_spelling`` has it, and with the domain in its own letters as older rows do."""
    try:
        local, _at, domain = one_spelling(address).lower().rpartition("@")
    except ValueError:
        return {address.lower()}
    return {address.lower(), f"{local}@{domain}", f"{local}@{idna.decode(domain)}"}
