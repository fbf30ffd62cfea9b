"""Python code by its syntax tree: format, comments, docstrings and the order of imports side by side are free."""

from __future__ import annotations

import ast
import warnings
from typing import Final

from spantape.semantic.structured.forms import Reading

_LIMIT: Final = 200_000  # characters that are given to Python's parser
_COMPOUND: Final = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.ImportFrom,
    ast.For,
    ast.While,
    ast.If,
    ast.With,
    ast.Try,
)
"""Statements that no sentence happens to be; `raise awareness` and `total = 5` are Python, too."""

_SIMPLE: Final = (ast.Assign, ast.AugAssign, ast.Import)
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def read_python(text: str, *, fenced: bool = False) -> Reading | None:
    """Python's statements, each as its canonical source; certain where a fence says so, or one is compound."""
    if len(text) > _LIMIT or not text.strip():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            tree = ast.parse(text)
        certain = fenced or any(isinstance(node, _COMPOUND) for node in tree.body)
        if not tree.body or not (certain or any(isinstance(node, _SIMPLE) for node in tree.body)):
            return None
        _strip_docstrings(tree)
        return Reading("python", "Python", _statements(tree), certain=certain)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _strip_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]


def _statements(tree: ast.Module) -> dict[str, str]:
    """The canonical source of each statement, under the name that it defines, or its place."""
    found: dict[str, str] = {}
    for place, node in enumerate(_imports_sorted(tree.body)):
        name = getattr(node, "name", None)
        key = name if isinstance(name, str) and name not in found else f"statement_{place + 1}"
        found[key] = ast.unparse(node)
    return found


def _imports_sorted(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements with each run of imports in one order."""
    found: list[ast.stmt] = []
    imports: list[ast.stmt] = []
    for node in [*body, None]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            continue
        found += sorted(imports, key=ast.unparse)
        found += [] if node is None else [node]
        imports = []
    return found
