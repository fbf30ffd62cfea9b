"""Words with a job: hedges, quantifiers, exceptions, contrasts, refusals; how much of each a text has."""

from __future__ import annotations

from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding

_WEAK_HEDGES = frozenset(
    [
        "may",
        "could",
        "think",
        "believe",
        "expect",
        "appear",
        "suggest",
        "seem",
        "hope",
        "guess",
        "assume",
        "likely",
        "unlikely",
        "can",
    ]
)
_SCOPES = ("none", "few", "some", "most", "all", "only")
_MODALS = frozenset(
    [
        "may",
        "might",
        "could",
        "can",
        "able",
        "allow",
        "allowed",
        "permit",
        "permitted",
        "entitled",
        "possible",
        "right",
    ]
)


def doing(known: Known, job: str) -> list[tuple[str, int]]:
    """Return (word or phrase, place) of what does a job in a text."""
    listed = known.document.words.job(job)
    found: list[tuple[str, int]] = []
    if not listed:
        return found
    tokens = known.document.tokens
    end = 0
    for at, token in enumerate(tokens):
        if at < end:
            continue
        phrase = next(
            ((entry, stop) for entry, stop in known.document.phrases_at(at) if entry in listed),
            None,
        )
        if phrase is not None:
            found.append((phrase[0], at))
            end = phrase[1]
        elif token.low in listed or (token.kind == "word" and token.key in listed and not token.name):
            found.append((token.low, at))
    return found


def compare_hedging(expected: Known, actual: Known) -> list[Finding]:
    """Return a finding where one text is sure and the other is not."""
    permits = _permits(expected) and _permits(actual)
    sure, unsure = _doubt(expected, permits=permits), _doubt(actual, permits=permits)
    if (sure[0] > 0) == (unsure[0] > 0):
        return []
    words = ", ".join(sure[1] or unsure[1])
    side = "expected, but what came is sure" if sure[0] else "came in, where what was expected is sure"
    message = f"certainty: '{words}' {side}"
    return [
        Finding("hedge", ", ".join(sure[1]), ", ".join(unsure[1]), min(2.0, max(sure[0], unsure[0])), message)
    ]


def _permits(known: Known) -> bool:
    return any(token.low in _MODALS or token.key in _MODALS for token in known.document.tokens)


def _doubt(known: Known, *, permits: bool) -> tuple[float, list[str]]:
    """How unsure a text is, and its words; where both texts speak of what is allowed, `may` is no doubt."""
    phrases, words = doing(known, "hedge_phrase"), doing(known, "hedge")
    tokens = known.document.tokens
    weight = float(len(phrases))
    told = [said for said, _ in phrases]
    for word, place in words:
        denied = place + 1 < len(tokens) and tokens[place + 1].low == "not"
        if word in {"may", "could", "might"} and (permits or denied):
            continue
        told.append(word)
        weight += 0.8 if word in {"may", "could"} else 0.4 if word in _WEAK_HEDGES else 1.0
    return weight, told


def compare_scope(expected: Known, actual: Known) -> list[Finding]:
    """Return the findings on how much is spoken of: all, some, most, only."""
    gone, fresh = [], []
    for job in _SCOPES:
        here, there = _scoped(expected, job), _scoped(actual, job)
        if here and not there:
            gone.append((job, here[0][0]))
        if there and not here:
            fresh.append((job, there[0][0]))
    if gone and fresh:
        message = f"scope: '{gone[0][1]}' expected, '{fresh[0][1]}' got"
        return [Finding("scope", gone[0][1], fresh[0][1], 1.0, message)]
    if [job for job, _ in gone + fresh] == ["only"]:
        verb = "expected, missing" if gone else "added"
        said = (gone or fresh)[0][1]
        return [Finding("only", said if gone else "", said if fresh else "", 1.0, f"scope: '{said}' {verb}")]
    findings = [
        Finding("scope_dropped", said, "", 1.0, f"scope: '{said}' expected, missing") for _, said in gone
    ]
    return findings + [Finding("scope_added", "", said, 1.0, f"scope: '{said}' added") for _, said in fresh]


def _scoped(known: Known, job: str) -> list[tuple[str, int]]:
    """What tells this much in a text; `not all` is some."""
    found = doing(known, job)
    if job not in {"all", "some"}:
        return found
    tokens, negators = known.document.tokens, known.document.words.job("negator")
    every = found if job == "all" else doing(known, "all")
    partly = [(f"not {said}", place) for said, place in every if place and tokens[place - 1].low in negators]
    return (
        found + partly if job == "some" else [one for one in found if (f"not {one[0]}", one[1]) not in partly]
    )


def compare_refusal(expected: Known, actual: Known) -> list[Finding]:
    """Return a finding where one text declines to answer and the other answers."""
    here, there = doing(expected, "refusal"), doing(actual, "refusal")
    if bool(here) == bool(there):
        return []
    said = (here or there)[0][0]
    message = f"refusal: '{said}' " + (
        "expected, but an answer came" if here else "came in place of an answer"
    )
    return [Finding("refusal", said if here else "", said if there else "", 1.0, message)]


def compare_exceptions(expected: Known, actual: Known) -> list[Finding]:
    """Return the findings on exceptions and contrasts that one text makes and the other does not."""
    findings = []
    for job in ("exception", "contrast"):
        here, there = doing(expected, job), doing(actual, job)
        if bool(here) != bool(there):
            said = (here or there)[0][0]
            kind = f"{job}_{'missing' if here else 'added'}"
            findings.append(
                Finding(
                    kind,
                    said if here else "",
                    said if there else "",
                    1.0,
                    f"{job}: '{said}' {kind.split('_')[1]}",
                )
            )
    return findings
