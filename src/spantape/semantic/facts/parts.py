"""What part each word plays in its clause: who does it, whom it is done to, from where, to where, before what."""

from __future__ import annotations

from dataclasses import dataclass

from spantape.semantic.lexicon import Sense, lexicon
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

BE = frozenset(["am", "is", "are", "was", "were", "be", "been", "being", "get", "gets", "got", "gotten"])

AUXILIARY = BE | frozenset(
    [
        "will",
        "would",
        "shall",
        "should",
        "can",
        "could",
        "may",
        "might",
        "must",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
    ]
)

_NOUN_ENDINGS = ("ion", "ions", "ment", "ments", "ance", "ence", "al", "als", "ity", "ness", "able", "ful")
SPLITS = frozenset(
    [
        "but",
        "while",
        "whereas",
        "because",
        "so",
        "when",
        "if",
        "although",
        "though",
        "which",
        "who",
        "that",
        "since",
        "unless",
    ]
)

_ARGUMENT = frozenset(
    {"to", "on", "for", "by", "from", "with"}
)  # what the other party of a turned verb may follow

_ALIKE = {"into": "to", "onto": "to", "toward": "to", "towards": "to", "till": "until"}

PERSONS = frozenset({"i", "we", "you", "he", "she", "they", "us", "me", "him", "them"})

ORDER = {"before": 1, "until": 1, "after": -1, "since": -1}


@dataclass(slots=True)
class Part:
    """What a word is in its clause: `agent`, `other`, or the preposition that it follows; `clause` counts verbs."""

    role: str
    clause: int
    head: bool
    named: bool = True
    verb: str = ""
    whole: bool = False


def parts_of(document: Document) -> dict[int, Part]:
    """Return the part of every content word and fact of an English text, by place; nothing in other languages."""
    if document.language != "en":
        return {}
    parts: dict[int, Part] = {}
    clause: list[Token] = []
    number = 0
    last = None
    for token in document.tokens:
        ended = token.clause != last
        if clause and (
            ended
            or token.low in SPLITS
            or (
                token.low == "and"
                and _verb_at(clause, document) is not None
                and _verb_follows(document, token)
            )
        ):
            _assign(clause, number, document, parts)
            clause, number = [], number + 1
        last = token.clause
        clause.append(token)
    _assign(clause, number, document, parts)
    return parts


def _verb_follows(document: Document, token: Token) -> bool:
    following = document.tokens[token.place + 1 : token.place + 5]
    return any(is_verb(word, document) for word in following)


def is_verb(token: Token, document: Document) -> bool:
    """Whether a word may be a verb: an auxiliary, or one of the lexicon's verbs in any form."""
    if token.kind != "word" or token.name:
        return False
    verbs = document.words.job("verb")
    if token.low.endswith(_NOUN_ENDINGS) and token.low not in verbs:
        return False
    return token.low in AUXILIARY or any(form in verbs for form in token.forms)


def _verb_at(clause: list[Token], document: Document) -> int | None:
    """The index of the first verb that something stands before."""
    seen = False
    for at, token in enumerate(clause):
        if seen and token.low in AUXILIARY:
            return at
        if seen and is_verb(token, document) and not _after_determiner(clause, at):
            return at
        seen = (
            seen
            or bool(token.weight)
            or token.fact >= 0
            or token.low in {"it", "he", "she", "they", "you", "we", "i"}
        )
    return None


def _after_determiner(clause: list[Token], at: int) -> bool:
    return clause[at - 1].low in {
        "the",
        "a",
        "an",
        "this",
        "that",
        "your",
        "my",
        "our",
        "his",
        "her",
        "their",
        "its",
        "of",
        "to",
        "no",
    }


def _assign(clause: list[Token], number: int, document: Document, parts: dict[int, Part]) -> None:
    verb = _verb_at(clause, document)
    passive = _is_passive(clause, verb) if verb is not None else False
    pole = _converse_pole(clause, verb)
    told = _main_verb(clause, verb, document)
    governing = ""
    for at, token in enumerate(clause):
        if token.low in document.words.job("preposition"):
            out_of = token.low == "of" and clause[at - 1].low == "out"
            governing = (
                "from" if out_of else _ALIKE.get(token.low, token.low) if governing != "than" else "than"
            )
            continue
        if token.kind == "mark" or token.low in {"and", "or"}:
            governing = governing if token.low in {"and", "or", ","} else ""
            continue
        if verb is not None and at == verb:
            governing = ""
        person = token.low in PERSONS
        if not (token.weight or token.fact >= 0 or person) or (
            is_verb(token, document) and verb is not None and at == verb
        ):
            continue
        role = _role(at, verb, governing, passive=passive, turned=pole)
        head = token.fact < 0 and _heads(clause, at, document)
        parts[token.place] = Part(role, number, head, token.fact < 0, told)
    mine = [parts[token.place] for token in clause if token.place in parts]
    whole = {"agent", "other"} <= {part.role for part in mine if part.head}
    for part in mine:
        part.whole = whole


def _heads(clause: list[Token], at: int, document: Document) -> bool:
    """Whether a word is the last of its noun phrase, and no verb."""
    token = clause[at]
    following = clause[at + 1] if at + 1 < len(clause) else None
    goes_on = (
        following is not None and following.weight and not is_verb(following, document) and following.fact < 0
    )
    return not goes_on and (token.name or not is_verb(token, document) or _after_determiner(clause, at))


def _main_verb(clause: list[Token], verb: int | None, document: Document) -> str:
    """The base form of the verb that tells the event; empty where a clause has none."""
    if verb is None:
        return ""
    told = (token for token in clause[verb:] if is_verb(token, document) and token.low not in AUXILIARY)
    return next((token.stem for token in told), "")


def _role(at: int, verb: int | None, governing: str, *, passive: bool, turned: bool) -> str:
    before = verb is not None and at < verb
    if governing in {"from", "to", "than", *ORDER} and not (turned and governing in _ARGUMENT):
        return governing
    if governing == "by" and passive:
        role = "agent"
    elif before and not governing:
        role = "other" if passive else "agent"
    elif verb is None or (governing and not (turned and governing in _ARGUMENT)):
        return governing
    else:
        role = "other"
    if turned:
        return "other" if role == "agent" else "agent"
    return role


def _is_passive(clause: list[Token], verb: int) -> bool:
    for at in range(verb, min(len(clause) - 1, verb + 6)):
        if clause[at].low in BE:
            for token in clause[at + 1 : at + 4]:
                participle = token.low.endswith(
                    ("ed", "en", "wn", "ld", "nt", "pt", "id", "ne", "ade", "ut", "un")
                )
                if (participle and token.forms and token.forms[0] != token.low) or token.low.endswith("ed"):
                    return True
    return False


def _converse_pole(clause: list[Token], verb: int | None) -> bool:
    """Whether the verb tells its event from the far end (`reports to` for `manages`)."""
    if verb is None:
        return False
    following = [token for token in clause[verb : verb + 6] if token.low not in AUXILIARY][:3] or clause[
        verb : verb + 3
    ]
    for at, token in enumerate(following[:1]):
        entries = {token.key, *token.forms}
        if at + 1 < len(following):
            entries |= {f"{form} {following[at + 1].low}" for form in token.forms}
        for entry in entries:
            for sense in _senses(entry):
                if sense.kind == "converse" and (sense.pole == 1):
                    return True
    return False


def _senses(entry: str) -> tuple[Sense, ...]:
    return lexicon("en").senses.get(entry, ())
