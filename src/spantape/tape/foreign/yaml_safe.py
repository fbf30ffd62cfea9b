"""YAML read as data, whatever stands in it: no objects are made, aliases cannot multiply, nesting is bounded.

vcrpy writes a few Python tags (`BytesIO` bodies, tuples, Python 2 text): they are read as the bytes, lists and text
that they hold. Every other tag that is not plain YAML is refused.
"""

from __future__ import annotations

from typing import Any, Final

from spantape.errors import TapeDamaged, TapeError
from spantape.tape.foreign.bodies import base64_bytes

_DEPTH: Final = 200
_SPREAD: Final = 8  # how many times its own weight a document may unfold to
_SLACK: Final = 1 << 20
_TAG: Final = "tag:yaml.org,2002:"


class Literal(str):
    """Text that stood as a literal block (`|`): how recorders write what they pretty-printed."""

    __slots__ = ()


def read_yaml(text: str, path: str) -> Any:
    """The value of a YAML document: mappings, lists, text, bytes, numbers, truth values and None.

    Raises:
        TapeDamaged: it is not YAML, or is nested or unfolds beyond bounds; names line and column.
        TapeError: it holds a tag that is no data.
    """
    import yaml  # type: ignore[import-untyped]  # it ships no types

    try:
        _check_spread(yaml, text, path)
        return yaml.load(text, _loader(yaml))  # noqa: S506 - a safe loader with constructors of data
    except yaml.constructor.ConstructorError as error:
        raise TapeError(f"is not plain data ({_problem(error)})", path=path, field=_line(error)) from error
    except yaml.YAMLError as error:
        raise TapeDamaged(
            f"is not YAML that can be read ({_problem(error)})", path=path, field=_line(error)
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise TapeDamaged(f"is not YAML that can be read ({error})", path=path) from error


def _problem(error: Any) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())[:200]


def _line(error: Any) -> str | None:
    mark = getattr(error, "problem_mark", None)
    return None if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"


def _loader(yaml: Any) -> Any:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("_Loader", (base,), {"yaml_constructors": dict(base.yaml_constructors)})
    for tag, construct in {
        f"{_TAG}str": _text,
        f"{_TAG}timestamp": _plain,
        f"{_TAG}binary": _binary,
        f"{_TAG}python/str": _plain,
        f"{_TAG}python/unicode": _plain,
        f"{_TAG}python/bytes": _binary,
        f"{_TAG}python/tuple": _sequence,
        f"{_TAG}python/object/new:_io.BytesIO": _bytes_io,
        f"{_TAG}python/object/apply:builtins.iter": _iterated,
    }.items():
        loader.add_constructor(tag, construct)
    return loader


def _plain(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))


def _text(loader: Any, node: Any) -> str:
    text = loader.construct_scalar(node)
    return Literal(text) if node.style == "|" else str(text)


def _binary(loader: Any, node: Any) -> bytes:
    try:
        return base64_bytes(loader.construct_scalar(node))
    except ValueError as error:
        mark = node.start_mark
        raise ValueError(f"line {mark.line + 1}: !!binary that is no base64: {error}") from error


def _sequence(loader: Any, node: Any) -> list[Any]:
    return list(loader.construct_sequence(node, deep=True))


def _bytes_io(loader: Any, node: Any) -> bytes:
    """The content of a `BytesIO`: the first item of its `state`."""
    state = loader.construct_mapping(node, deep=True).get("state") or [b""]
    content = state[0]
    if isinstance(content, str):
        return content.encode()
    return content if isinstance(content, bytes) else b""


def _iterated(loader: Any, node: Any) -> list[Any]:
    """The pieces that an iterator would have given: the first of its `args`."""
    arguments = loader.construct_mapping(node, deep=True).get("args") or [[]]
    return list(arguments[0])


# --- bounds ------------------------------------------------------------------------------------------------------


class _Weights:
    """How much a document unfolds to: each alias weighs what it stands for."""

    def __init__(self) -> None:
        self._open: list[tuple[str | None, int]] = []
        self._known: dict[str, int] = {}
        self.total = 0

    def opened(self, anchor: str | None) -> int:
        """Begin a collection; gives its depth."""
        if anchor is not None:
            self._known.pop(anchor, None)
        self._open.append((anchor, self.total))
        self.total += 1
        return len(self._open)

    def closed(self) -> None:
        """End the innermost collection."""
        anchor, before = self._open.pop()
        if anchor is not None:
            self._known[anchor] = self.total - before

    def scalar(self, anchor: str | None, value: str) -> None:
        """Count one scalar."""
        self.total += 1 + len(value)
        if anchor is not None:
            self._known[anchor] = 1 + len(value)

    def alias(self, anchor: str) -> bool:
        """Count what an alias stands for; False where that is not at its end yet: it would hold itself."""
        weight = self._known.get(anchor)
        self.total += weight or 0
        return weight is not None


def _check_spread(yaml: Any, text: str, path: str) -> None:
    weights, most = _Weights(), _SPREAD * len(text) + _SLACK
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            if weights.opened(event.anchor) > _DEPTH:
                raise _at(event, f"got more than {_DEPTH} levels of nesting", path)
        elif isinstance(event, yaml.CollectionEndEvent):
            weights.closed()
        elif isinstance(event, yaml.ScalarEvent):
            weights.scalar(event.anchor, event.value)
        elif isinstance(event, yaml.AliasEvent) and not weights.alias(event.anchor):
            raise _at(event, f"got the alias *{event.anchor} inside what it stands for", path)
        if weights.total > most:
            raise _at(event, f"got aliases that unfold {len(text)} characters to more than {most}", path)


def _at(event: Any, reason: str, path: str) -> TapeDamaged:
    mark = event.start_mark
    return TapeDamaged(reason, path=path, field=f"line {mark.line + 1}, column {mark.column + 1}")
