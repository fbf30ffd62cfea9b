"""XML as nested objects: attributes and children by name, in any order of attributes, white space between tags free."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.values import Plain, too_deep

_LIMIT: Final = 4_000_000  # characters that are read
_LOOKS: Final = re.compile(r"\s*<(?:\?xml[^>]{0,200}\?>\s*<)?[A-Za-z_][^<>]{0,2000}>")


def read_xml(text: str) -> Reading | None:
    """One element as `{name: value}`; None for other text, for a document type and for text between children."""
    if len(text) > _LIMIT or not _LOOKS.match(text) or "<!" in text:
        return None
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - no DTD, so no entity that could grow
        value = {root.tag: _value(root)}
    except (ET.ParseError, ValueError, RecursionError):
        return None
    return None if too_deep(value) else Reading("data", "XML", value)


def _value(element: ET.Element) -> Any:
    """The text of an element without children and attributes, else its members; several of one name are a list.

    Raises:
        ValueError: it has text beside children, or an attribute and a child of one name.
    """
    said = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return Plain(said)
    if said or any((child.tail or "").strip() for child in element):
        if len(element):
            raise ValueError("text beside children")
        return {**_plain(element), "#text": Plain(said)}
    members: dict[str, list[Any]] = {}
    for child in element:
        members.setdefault(child.tag, []).append(_value(child))
    if members.keys() & element.attrib.keys():
        raise ValueError("an attribute and a child of one name")
    return {**_plain(element), **{name: m[0] if len(m) == 1 else m for name, m in members.items()}}


def _plain(element: ET.Element) -> dict[str, Any]:
    return {name: Plain(value) for name, value in element.attrib.items()}
