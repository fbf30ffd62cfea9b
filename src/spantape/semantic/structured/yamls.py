"""YAML, and lines of `label: value`, as values whose unquoted scalars have no type yet.

Nothing is constructed from a tag, an alias is expanded within a budget, and a sentence with a colon is not certain
to be YAML.
"""

from __future__ import annotations

import re
from typing import Any, Final

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.jsons import NotDataError, unique
from spantape.semantic.structured.values import MAX_DEPTH, Plain, number, too_deep

_LIMITS: Final = (200_000, 4_000_000)  # characters that are given to PyYAML's parser, the second to libyaml's
_BUDGET: Final = 200_000  # nodes, each alias's counted again
_LINES: Final = 10_000  # lines of labels or items that are read
_LABEL: Final = re.compile(r"[^\W_](?:[\w ./()&'\u2019-]{0,38}[\w)])?")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][\w.-]{0,60}")
_LOOKS: Final = re.compile(r"^[ \t]{0,64}(?:- |-$|[\"']?\w[^\n:]{0,60}:(?:\s|$))", re.MULTILINE)
_PAIR: Final = re.compile(
    r"""(?:[-*\u2022+]\s)?\s{0,8}  # a bullet
        (?P<mark>\*\*|__|`|)(?P<label>[^:\uff1a*`|]{1,40}?)(?:[:\uff1a](?P=mark)|(?P=mark)\s{0,8}[:\uff1a])
        (?P<value>.*)""",
    re.VERBOSE,
)
_ITEM: Final = re.compile(r"(?:[-*\u2022+]|\d{1,4}[.)])\s(.*)")
_TOML: Final = re.compile(r"^[ \t]{0,64}[\w\"'.-]{1,80}[ \t]{0,64}=[ \t]{0,64}\S", re.MULTILINE)
_CORE: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
)


def read_yaml(text: str, *, fenced: bool = False) -> Reading | None:
    """A mapping or sequence of YAML; certain where a fence or `---` says so, or mappings are nested in it."""
    if len(text) > _LIMITS[1] or not (fenced or _LOOKS.search(text)):
        return None
    try:
        value = _composed(text)
    except (NotDataError, RecursionError):
        return None
    if not isinstance(value, dict | list) or not value or not (fenced or _labelled(value)):
        return None
    certain = fenced or text.lstrip().startswith("---\n") or _nested(value)
    return Reading("data", "YAML", value, certain=certain)


def _composed(text: str) -> Any:
    import yaml  # type: ignore[import-untyped]  # it ships no types

    loader = getattr(yaml, "CSafeLoader", None)
    if loader is None and len(text) > _LIMITS[0]:
        raise NotDataError("too long for the slow parser")
    try:
        documents = list(yaml.compose_all(text, Loader=loader or yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
        raise NotDataError(str(error)) from error
    if len(documents) != 1 or documents[0] is None:
        raise NotDataError("not one document")
    return _Values(yaml).of(documents[0], 0)


class _Values:
    """Turns the nodes of one document into values."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._left = _BUDGET

    def of(self, node: Any, depth: int) -> Any:
        """The value of `node`.

        Raises:
            NotDataError: a tag that is not YAML's own, a key that is no scalar or stands twice, too deep, too many.
        """
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0 or node.tag not in _CORE:
            raise NotDataError("too deep, too many aliases, or a tag of its own")
        if isinstance(node, self._yaml.ScalarNode):
            return node.value if node.style else Plain(node.value)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.of(item, depth + 1) for item in node.value]
        return unique([(self._key(key), self.of(value, depth + 1)) for key, value in node.value])

    def _key(self, node: Any) -> str:
        if not isinstance(node, self._yaml.ScalarNode):
            raise NotDataError("a key that is no scalar")
        return str(node.value)


def _labelled(value: Any) -> bool:
    """Whether every key looks like a label, not like half a sentence."""
    if isinstance(value, dict):
        return all(map(_is_label, value)) and all(map(_labelled, value.values()))
    return all(map(_labelled, value)) if isinstance(value, list) else True


def _is_label(key: str) -> bool:
    return _LABEL.fullmatch(key) is not None and key.count(" ") < 4


def _nested(value: Any) -> bool:
    """Whether it is mappings in mappings, or records in a sequence, by identifiers: prose is not indented like that."""
    inner = [m for m in (value.values() if isinstance(value, dict) else value) if isinstance(m, dict)]
    keys = [key for mapping in (value, *inner) if isinstance(mapping, dict) for key in mapping]
    return any(len(mapping) > 1 for mapping in inner) and all(map(_IDENTIFIER.fullmatch, keys))


def read_toml(text: str, *, fenced: bool = False) -> Reading | None:
    """A TOML document; certain where a fence says so, or a table has its own line."""
    import tomllib

    if not fenced and not _TOML.search(text):
        return None
    try:
        value = _json_like(tomllib.loads(text, parse_float=number))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return None
    certain = fenced or any(isinstance(member, dict | list) for member in value.values())
    return Reading("data", "TOML", value, certain=certain) if value and not too_deep(value) else None


def _json_like(value: Any) -> Any:
    """The value with dates and times as the text that they are in JSON."""
    if isinstance(value, dict):
        return {key: _json_like(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_json_like(item) for item in value]
    return Plain(value.isoformat()) if hasattr(value, "isoformat") else value


def read_pairs(text: str) -> Reading | None:
    """Two or more lines of `label: value`, also as Markdown writes them; never certain."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 < len(lines) <= _LINES:
        return None
    found = [_PAIR.fullmatch(line) for line in lines]
    pairs = [(match["label"].strip(), Plain(match["value"].strip())) for match in found if match is not None]
    if len(pairs) < len(lines) or not all(value and _is_label(label) for label, value in pairs):
        return None
    try:
        return Reading("data", "lines of labels and values", unique(pairs), certain=False)
    except NotDataError:
        return None


def read_items(text: str) -> Reading | None:
    """Two or more lines, each with a bullet or a number before it, as a list; never certain."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 < len(lines) <= _LINES:
        return None
    found = [_ITEM.fullmatch(line) for line in lines]
    items = [Plain(match[1].strip()) for match in found if match is not None]
    return (
        Reading("data", "a list", items, certain=False) if len(items) == len(lines) and all(items) else None
    )
