"""Markdown fences: the block inside, its language, and the prose around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

COLONS: Final = (":", "\uff1a")  # the second is the one of Chinese and Japanese

_OPENING: Final = re.compile(r"[ \t]{0,12}(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[\w+.#-]*)[^`]*")
_COURTESY: Final = re.compile(r"[^\d.!?:\n]{0,120}")


@dataclass(frozen=True, slots=True)
class Block:
    """What a text is once its one fence is off; `language` is "" where none is named, None where no fence is."""

    inside: str
    language: str | None = None
    around: str = ""


def unfenced(text: str) -> Block | None:
    """The one fenced block of a text, or the text itself where it has no fence; None for several blocks."""
    if "```" not in text and "~~~" not in text:
        return Block(text)
    found: list[Block] = []
    around: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        opening = _OPENING.fullmatch(line)
        if opening is None:
            around.append(line)
            continue
        inside = []
        for inner in lines:
            if inner.strip() == opening["mark"]:
                break
            inside.append(inner)
        found.append(Block("\n".join(inside), opening["language"].lower()))
    if len(found) > 1:
        return None
    prose = "\n".join(around).strip()
    return Block(found[0].inside, found[0].language, prose) if found else Block(text)


def introduced(text: str) -> Block | None:
    """A text whose first line introduces the rest (`Here is the order:`), split there; None for any other."""
    first, _, rest = text.strip().partition("\n")
    if not rest.strip() or not first.strip() or not is_introduction(first.strip()):
        return None
    return Block(rest.strip("\n"), None, first.strip())


def is_introduction(prose: str) -> bool:
    """Whether the prose around a block is one short line that ends in a colon and names no figure, or nothing."""
    return not prose or (prose.endswith(COLONS) and _COURTESY.fullmatch(prose[:-1]) is not None)
