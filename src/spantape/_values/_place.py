"""Where in a value something went wrong, told while the call stack unwinds."""

from __future__ import annotations

from spantape.errors import UsageError

_SHOWN = 4


class Unfit(Exception):
    """A value that cannot be written or read; `steps` lead to it, innermost first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []

    def under(self, step: str) -> None:
        """Add the step from one level up: ".name" or "[3]"."""
        self.steps.append(step)

    def place(self, root: str) -> str:
        """The path from `root`, with the middle of a very deep one left out."""
        steps = self.steps[::-1]
        if len(steps) > 2 * _SHOWN + 1:
            left_out = f"…{len(steps) - 2 * _SHOWN} more…"
            steps = [*steps[:_SHOWN], left_out, *steps[-_SHOWN:]]
        return root + "".join(steps)

    def usage_error(self, root: str) -> UsageError:
        """The public error, with its place."""
        return UsageError(f"{self.place(root)}: {self.reason}")


def key_step(key: object) -> str:
    """The step to the value under `key`: `.name` where it reads as one, else `['a key']`."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{short(key)}]"


def short(value: object, limit: int = 60) -> str:
    """A repr that fits into a message; an object whose repr fails is named by its class."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's repr may raise anything, and this is on the way to a message
        return f"<{type_name(type(value))}>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def type_name(kind: object) -> str:
    """How a person writes the type: `set`, `datetime.date`, `shop.Order`, `list[int]`."""
    if not isinstance(kind, type) or getattr(kind, "__args__", None):
        return str(kind).replace("typing.", "")
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
