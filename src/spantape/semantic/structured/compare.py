"""Whether two answers that are structure say the same, value by value; what is not clearly structure is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from spantape._fields import FieldDifference
from spantape.semantic.structured.calls import as_calls
from spantape.semantic.structured.fences import is_introduction
from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.reading import readings
from spantape.semantic.structured.records import label, record_differences, renamed
from spantape.semantic.structured.values import TextRule, line, value_differences

Verdict = Literal["same", "different", "undecided"]

_SHOWN: Final = 20  # differences that are told as reasons


@dataclass(frozen=True, slots=True)
class StructuredComparison:
    """What parsing tells of two answers.

    "undecided": they are not both structure of one class, or not clearly so, and are to be compared as text;
    `reasons` then say what each was taken for, where one was taken for anything. `forms` name what they were read as
    ("text" for prose). `differences` are the places where the values differ. `around` is the prose around two
    fenced blocks with the same content, where that prose is more than an introduction: it is left to be compared.
    """

    verdict: Verdict
    forms: tuple[str, str]
    differences: tuple[FieldDifference, ...] = ()
    reasons: tuple[str, ...] = ()
    around: tuple[str, str] | None = None


def compare_structured(expected: str, actual: str, *, texts: TextRule | None = None) -> StructuredComparison:
    """What two answers say as data, as calls, or as code, whatever they are written in.

    Data are JSON, JSON Lines, YAML, TOML, CSV, Markdown tables, Python's literals and tool calls, each also in a
    Markdown fence: the same values are the same in any of them. Free are key order, white space, number spelling, the
    order of a table's rows and columns; of Python format, comments and docstrings; of SQL the case of keywords; of
    shell commands quoting and the order of options. Strings are compared exactly, but for those of which
    `texts(path, expected, actual)` says that they mean the same.
    """
    ones, others = readings(expected), readings(actual)
    pairs = [(a, b) for a in ones for b in others if a.kind == b.kind]
    if not pairs:
        return _unlike(ones, others)
    one, other = min(pairs, key=lambda pair: 2 - pair[0].certain - pair[1].certain)
    found = _differences(one, other, texts)
    forms = (one.form, other.form)
    if found and _decides(one, other):
        return StructuredComparison("different", forms, tuple(found), tuple(map(line, found[:_SHOWN])))
    if found:
        reasons = (f"{one.form} and {other.form} are not clearly meant as such: compared as text",)
        return StructuredComparison("undecided", forms, tuple(found), reasons)
    if _same_around(one, other):
        return StructuredComparison("same", forms)
    words = (f"the same {one.form}, with other words around it",)
    return StructuredComparison("undecided", forms, reasons=words, around=(one.around, other.around))


def _unlike(ones: list[Reading], others: list[Reading]) -> StructuredComparison:
    names = [next((r.form for r in found if r.certain), "text") for found in (ones, others)]
    told = names != ["text", "text"]
    reasons = (f"expected is {names[0]}, actual is {names[1]}: compared as text",) if told else ()
    return StructuredComparison("undecided", (names[0], names[1]), reasons=reasons)


def _differences(one: Reading, other: Reading, texts: TextRule | None) -> list[FieldDifference]:
    if one.kind != "data":
        return value_differences(one.value, other.value)
    if one.unordered or other.unordered:
        found = record_differences(one.value, other.value, texts)
        return value_differences(one.value, other.value, texts=texts) if found is None else found
    found = value_differences(one.value, other.value, texts=texts)
    return _as_labelled(one, other, _as_called(one, other, found, texts), texts)


def _as_called(
    one: Reading, other: Reading, found: list[FieldDifference], texts: TextRule | None
) -> list[FieldDifference]:
    """The differences of two values that are calls, in whatever form each is written."""
    ours, theirs = as_calls(one.value), as_calls(other.value)
    if not found or ours is None or theirs is None:
        return found
    single = len(ours) == len(theirs) == 1
    called = value_differences(ours[0] if single else ours, theirs[0] if single else theirs, texts=texts)
    alike = (
        isinstance(one.value, dict)
        and isinstance(other.value, dict)
        and one.value.keys() == other.value.keys()
    )
    return found if called and alike else called


def _as_labelled(
    one: Reading, other: Reading, found: list[FieldDifference], texts: TextRule | None
) -> list[FieldDifference]:
    """The differences of two objects of which one is lines with labels, which are spelled as prose is."""
    uncertain = not (one.certain and other.certain)
    if not found or not uncertain or not (isinstance(one.value, dict) and isinstance(other.value, dict)):
        return found
    names = {label(name): name for name in one.value}
    sides = [{names.get(k, k): v for k, v in renamed(r.value).items()} for r in (one, other)]
    return value_differences(*sides, texts=texts)


def _decides(one: Reading, other: Reading) -> bool:
    """Whether a difference in the values is one of the answers: both are certain, or of one outline."""
    if one.kind == "shell" and _words(one.value) == _words(other.value):
        return False  # the same words in another order: whose value a word is, is the program's to say
    if one.certain and other.certain:
        return True
    return (one.certain or other.certain) and _outline(one.value) == _outline(other.value)


def _words(commands: dict[str, list[str]]) -> list[str]:
    return sorted(word for words in commands.values() for part in words for word in part.split("="))


def _outline(value: Any) -> Any:
    """What two values share that differ in scalars alone: the labels of objects and the lengths of lists, at any depth."""
    if isinstance(value, dict):
        return frozenset((label(name), _outline(member)) for name, member in value.items())
    return tuple(map(_outline, value)) if isinstance(value, list) else None


def _same_around(one: Reading, other: Reading) -> bool:
    same = one.around.split() == other.around.split()
    return same or (is_introduction(one.around) and is_introduction(other.around))
