"""What is left over when all words that stand for one another are taken away: changed, missing and added content."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.model import Finding
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

_JOINS = frozenset(
    [
        "and",
        "but",
        "if",
        "unless",
        "because",
        "while",
        "when",
        "which",
        "so",
        "provided",
        "although",
        "though",
        "since",
        "whereas",
        "except",
    ]
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far two texts are copies of one another, and how much content of each is left over (0 to 1, and by weight)."""

    copied: float
    missing: float
    added: float
    missing_weight: float
    added_weight: float
    anchored: float


def overlap(alignment: Alignment) -> Overlap:
    """Return how much of two texts is the same words, and how much of their content stands for nothing."""
    left, right = _said(alignment.expected), _said(alignment.actual)
    shared = sum((left & right).values())
    missing = sum(token.weight for token in alignment.unmatched_expected())
    added = sum(token.weight for token in alignment.unmatched_actual())
    return Overlap(
        2 * shared / max(1, left.total() + right.total()),
        missing / max(1.0, _content(alignment.expected)),
        added / max(1.0, _content(alignment.actual)),
        missing,
        added,
        min(1.0, _anchors(alignment) / 3),
    )


def _anchors(alignment: Alignment) -> int:
    """How many names and facts of the expected text stand in the actual one too."""
    names = sum(token.name and token.place in alignment.exact for token in alignment.expected.tokens)
    here = {token.key for token in alignment.actual.tokens if token.fact >= 0}
    told = [token for token in alignment.expected.tokens if token.fact >= 0 and token.key in here]
    return names + len({token.fact for token in told if token.key[0].isdigit()})


def _said(document: Document) -> Counter[str]:
    return Counter(token.key for token in document.tokens if token.kind not in {"mark", "line"})


def _content(document: Document) -> float:
    facts = {token.fact for token in document.tokens if token.fact >= 0}
    return sum(token.weight for token in document.tokens) + len(facts)


def compare_slots(alignment: Alignment) -> list[Finding]:
    """Return the findings on words that were changed while what stands around them was not."""
    findings = []
    for run in _runs(alignment.unmatched_expected(), alignment.expected):
        before, after = _beside(alignment.expected, alignment.to_actual, run)
        if before is None or after is None or not before < after <= before + 8:
            continue
        between = [
            token
            for token in alignment.actual.tokens[before + 1 : after]
            if token.weight and token.place not in alignment.to_expected
        ]
        weight = sum(token.weight for token in run)
        said = " ".join(token.text for token in run)
        place = alignment.expected.sentence(run[0].sentence)
        if between:
            got = " ".join(token.text for token in between)
            weight = min(weight, sum(token.weight for token in between), 2.0)
            findings.append(
                Finding("slot", said, got, weight, f"content: '{said}' expected, '{got}' got, in '{place}'")
            )
        elif after - before <= 3:
            findings.append(
                Finding(
                    "slot_missing",
                    said,
                    "",
                    min(weight, 2.0),
                    f"content: '{said}' expected, missing from '{place}'",
                )
            )
    return findings


def compare_insertions(alignment: Alignment) -> list[Finding]:
    """Return the findings on words that were put in between words that stayed."""
    findings = []
    for run in _runs(alignment.unmatched_actual(), alignment.actual):
        before, after = _beside(alignment.actual, alignment.to_expected, run)
        if before is None or after is None or not before < after <= before + 3:
            continue
        if any(
            token.weight and token.place not in alignment.to_actual
            for token in alignment.expected.tokens[before + 1 : after]
        ):
            continue
        said = " ".join(token.text for token in run)
        weight = min(sum(token.weight for token in run), 2.0)
        findings.append(Finding("slot_added", "", said, weight, f"content: '{said}' added"))
    return findings


def _runs(tokens: list[Token], document: Document) -> list[list[Token]]:
    """Left-over tokens that stand side by side; small words between them part nothing."""
    runs: list[list[Token]] = []
    for token in tokens:
        last = runs[-1][-1].place if runs else -9
        gap = document.tokens[last + 1 : token.place]
        if runs and len(gap) <= 2 and all(not between.weight and between.kind != "mark" for between in gap):
            runs[-1].append(token)
        else:
            runs.append([token])
    return runs


def _beside(document: Document, table: dict[int, int], run: list[Token]) -> tuple[int | None, int | None]:
    """Where the words right before and right after a run stand on the other side; the text's ends count."""
    before = next(
        (table[at] for at in range(run[0].place - 1, max(-1, run[0].place - 4), -1) if at in table), None
    )
    after = next(
        (
            table[at]
            for at in range(run[-1].place + 1, min(len(document.tokens), run[-1].place + 4))
            if at in table
        ),
        None,
    )
    if run[0].place == 0 or (before is None and after is not None and document.tokens[run[0].place].first):
        before = max(-1, (after or 0) - 3) if after is not None else None
    if after is None and before is not None:
        after = before + 4
    return before, after


def compare_clauses(alignment: Alignment) -> list[Finding]:
    """Return the findings on clauses that the other text says nothing of."""
    findings = []
    for kind, document, table in (
        ("clause_missing", alignment.expected, alignment.to_actual),
        ("clause_added", alignment.actual, alignment.to_expected),
    ):
        for tokens in _clauses(document):
            content = sum(token.weight for token in tokens)
            left = sum(token.weight for token in tokens if token.place not in table)
            if content >= 0.9 and left >= 0.7 * content:
                said = " ".join(token.text for token in tokens if token.kind not in {"mark", "line"})
                verb = "missing" if kind == "clause_missing" else "added"
                findings.append(Finding(kind, said, "", min(left / 3, 2.0), f"content: '{said[:80]}' {verb}"))
    return findings


def _clauses(document: Document) -> list[list[Token]]:
    """The tokens of each clause; a conjunction begins a new one."""
    clauses: list[list[Token]] = []
    last = -1
    for token in document.tokens:
        if token.clause != last or token.low in _JOINS:
            clauses.append([])
        last = token.clause
        clauses[-1].append(token)
    return clauses


def compare_names(alignment: Alignment) -> list[Finding]:
    """Return the findings on names and identifiers: changed, missing, added."""
    left = [token for token in alignment.unmatched_expected() if token.name]
    right = [token for token in alignment.unmatched_actual() if token.name]
    findings = []
    for token in left:
        if right:
            other = right.pop(0)
            message = f"entity: '{token.text}' expected, '{other.text}' got, in '{alignment.expected.sentence(token.sentence)}'"
            findings.append(Finding("name", token.text, other.text, 1.0, message))
        else:
            message = f"entity: '{token.text}' expected, missing"
            findings.append(Finding("name_missing", token.text, "", 1.0, message))
    findings += [
        Finding("name_added", "", other.text, 1.0, f"entity: '{other.text}' added") for other in right
    ]
    return findings
