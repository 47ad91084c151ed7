"""Which tagged sources a caller's answers may rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chatsphere.core.principal import Principal, PrincipalKind

TAGS_ATTRIBUTE = "access_tags"  # its values are tags as they stand; those of any other attribute carry its name


def visible_tags(principal: Principal) -> frozenset[str] | None:
    """The tags that open a source to this caller, or None for one who sees every source.

    For a signed visitor they come from the visitor's attributes, whatever key brings the token: ``{"team": ["hr"], "access_tags": "staff"}``
    opens sources tagged ``team:hr`` or ``staff``. A page in a browser without a signed visitor sees untagged sources only.
    """
    if principal.visitor is not None:
        return frozenset(_tags(principal.visitor.attributes))
    return frozenset() if principal.kind is PrincipalKind.PUBLISHABLE_KEY else None


def _tags(attributes: Mapping[str, str | list[str]]) -> Iterator[str]:
    for name, given in attributes.items():
        values = [given] if isinstance(given, str) else given
        yield from values if name == TAGS_ATTRIBUTE else (f"{name}:{value}" for value in values)
