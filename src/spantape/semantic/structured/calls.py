"""Tool calls in the forms in which models write them: JSON objects of several shapes, and `name(argument=value)`."""

from __future__ import annotations

import ast
from typing import Any, Final

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.jsons import NotDataError, expression, literal, read_json, unique
from spantape.semantic.structured.values import Plain

_NAMES: Final = ("tool", "name", "tool_name", "function", "function_name", "action")
_ARGUMENTS: Final = (
    "args",
    "arguments",
    "parameters",
    "params",
    "input",
    "tool_input",
    "action_input",
    "kwargs",
)
_BESIDE: Final = frozenset({"id", "call_id", "tool_call_id", "type", "index", "status"})
_LIMIT: Final = 200_000  # characters of a call that are given to Python's parser


def read_calls(text: str) -> Reading | None:
    """One call or several, each on lines of its own, as `name(argument=value, …)`."""
    stripped = text.strip()
    if not stripped.endswith(")") or "(" not in stripped or len(stripped) > _LIMIT:
        return None
    tree = expression(f"[{','.join(stripped.splitlines())}]") or expression(f"[{stripped}]")
    try:
        found = [_call(item) for item in tree.elts] if isinstance(tree, ast.List) else []
    except (NotDataError, RecursionError):
        return None
    if not found:
        return None
    certain = all(
        not isinstance(call["args"].get("*"), list) or len(call["args"]) > 1 or _literal(call)
        for call in found
    )
    return Reading("data", "a call", found[0] if len(found) == 1 else found, certain=certain)


def _literal(call: dict[str, Any]) -> bool:
    """Whether no argument of a call is a name or an expression, as in `f(x)`, which prose may hold."""
    return not any(isinstance(value, Plain) for value in call["args"].get("*", []))


def _value(tree: ast.expr) -> Any:
    """The value of an argument; a name or an expression is its own text."""
    try:
        return literal(tree)
    except NotDataError:
        return Plain(ast.unparse(tree))


def _call(tree: ast.expr) -> dict[str, Any]:
    if not isinstance(tree, ast.Call):
        raise NotDataError("no call")
    arguments = unique([(_argument(keyword), _value(keyword.value)) for keyword in tree.keywords])
    if tree.args:
        arguments = {"*": [_value(value) for value in tree.args], **arguments}
    return {"tool": _dotted(tree.func), "args": arguments}


def _argument(keyword: ast.keyword) -> str:
    if keyword.arg is None:
        raise NotDataError("arguments that are not named")
    return keyword.arg


def _dotted(tree: ast.expr) -> str:
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        return f"{_dotted(tree.value)}.{tree.attr}"
    raise NotDataError("no name")


def as_calls(value: Any) -> list[dict[str, Any]] | None:
    """A call or a list of calls, each as `{"tool": …, "args": …}`; None where the value is something else.

    Call ids are left out. Arguments that are JSON text become what it says.
    """
    if isinstance(value, dict) and len(value) == 1 and isinstance(inner := value.get("tool_calls"), list):
        value = inner
    found = [_as_call(item) for item in (value if isinstance(value, list) else [value])]
    return [call for call in found if call is not None] if found and None not in found else None


def _as_call(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    kept = {key: value for key, value in item.items() if key not in _BESIDE}
    if len(kept) == 1 and isinstance(inner := kept.get("function"), dict):
        return _as_call(inner)
    names = [key for key in _NAMES if isinstance(kept.get(key), str)]
    given = [key for key in _ARGUMENTS if key in kept]
    if len(names) != 1 or len(kept) != 2 or len(given) != 1:
        return None
    return {"tool": str(kept[names[0]]), "args": _parsed(kept[given[0]])}


def _parsed(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    found = read_json(arguments)
    return arguments if found is None else found.value
