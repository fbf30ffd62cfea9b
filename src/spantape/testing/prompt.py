"""What a request asks of a model, in the same words for every wire format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is offered to the model: `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model.

    `text` is the last message of the user, `system` the instructions, `tool_results` the texts of the results that
    stand after it, in order: () where the model has not asked for a tool yet.
    """

    model: str = ""
    stream: bool = False
    text: str = ""
    system: str = ""
    tools: tuple[Tool, ...] = ()
    tool_results: tuple[str, ...] = ()
    parallel: bool = True


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in objects(content) if isinstance(part.get("text"), str))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; of anything else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(values: Iterable[Any]) -> tuple[str, ...]:
    """The text of each content."""
    return tuple(content_text(value) for value in values)


def string(value: Any) -> str:
    """`value` where it is a string, else ""."""
    return value if isinstance(value, str) else ""
