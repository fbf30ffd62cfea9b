"""What the source of a recorded function says of its shape: read as text, never imported or run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Shape = Literal["plain", "coroutine", "generator", "async_generator"]

_LARGEST: Final = 4 << 20
_SIMPLE: Final = frozenset(
    {"str", "int", "float", "bool", "None", "list", "dict", "Any", "object", "Optional", "Union"}
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Seen:
    """A function as its source has it.

    `by_name` are the parameters that can be given by name and are plain data by their annotations; `returns` says
    whether its result is: True, False, or None where nothing is annotated.
    """

    shape: Shape
    by_name: frozenset[str]
    returns: bool | None


def seen(module: str, name: str, folders: Sequence[str] | None = None) -> Seen | None:
    """The function `name` at the top of `module`, None where its source is not at hand.

    It is looked for below the current folder, its `src`, and where Python looks for modules.
    """
    parts = module.split(".")
    for folder in [".", "src", *sys.path] if folders is None else folders:
        base = Path(folder or ".", *parts)
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return _in_file(path, name)
    return None


def _in_file(path: Path, name: str) -> Seen | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = [node for node in tree.body if isinstance(node, _Function) and node.name == name]
    return _seen(found[-1]) if found else None


def _seen(node: _Function) -> Seen:
    named = [*node.args.args, *node.args.kwonlyargs]
    by_name = frozenset(argument.arg for argument in named if _is_simple(argument.annotation) is not False)
    return Seen(_shape(node), by_name, _is_simple(node.returns))


def _is_simple(annotation: ast.expr | None) -> bool | None:
    """Whether an annotation says plain data, None where there is none."""
    if annotation is None:
        return None
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError):
            return False
    names = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
    attributes = any(isinstance(node, ast.Attribute) for node in ast.walk(annotation))
    return not attributes and all(name in _SIMPLE for name in names)


def _shape(node: _Function) -> Shape:
    yields = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own(node))
    if isinstance(node, ast.AsyncFunctionDef):
        return "async_generator" if yields else "coroutine"
    return "generator" if yields else "plain"


def _own(node: _Function) -> list[ast.AST]:
    """The nodes of a function's body without those of functions inside it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        inner = waiting.pop()
        found.append(inner)
        if not isinstance(inner, _Function | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(inner))
    return found
