"""SQL by its tokens.

Free are the case of keywords and bare names, white space, comments, a last semicolon, and the order of the conditions
that AND joins.
"""

from __future__ import annotations

import re
from typing import Final

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.values import number_key

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+ | --[^\n]* | /\*(?:[^*]|\*(?!/))*\*/)
      | (?P<string>(?:[eEnNbBxX](?='))?'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*" | `[^`]*` | \[[A-Za-z_][\w ]*\])
      | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d][\w$]*)
      | (?P<sign>::|<>|!=|<=|>=|\|\||->>|->|/(?!\*)|[-+*%=<>(),.;:?@$&|^~!#\[\]{}])""",
    re.VERBOSE,
)
_STARTS: Final = {
    "select": r"\bfrom\b|^\s*select\s+[\d'(*]",
    "insert": r"\binto\b",
    "update": r"\bset\b",
    "delete": r"\bfrom\b",
    "create": r"\b(?:table|index|view|database|schema|function)\b",
    "alter": r"\b(?:table|index|view|database|schema)\b",
    "drop": r"\b(?:table|index|view|database|schema)\b",
    "truncate": r"\btable\b",
    "with": r"\bas\s*\(",
}
_CLAUSE_WORDS: Final = (
    "where group order having limit union intersect except join inner left right full cross window returning fetch "
    "offset for set on values"
)
_CLAUSES: Final = frozenset(_CLAUSE_WORDS.split())
_SIGNS: Final = re.compile(r"[=*<>();']")
_CERTAIN: Final = re.compile(r"\s*(?:[A-Z]{4,}\b|[^=*<>]{0,2000}[=*<>])")
_LIMIT: Final = 500_000  # characters that are read


def read_sql(text: str, *, fenced: bool = False) -> Reading | None:
    """The normalised tokens of each statement; unfenced it must start as SQL does and hold a sign.

    Certain where a fence says so, it shouts its first keyword, or it compares something.
    """
    if len(text) > _LIMIT or not (fenced or _looks_like_sql(text)):
        return None
    found = _tokens(text)
    statements = [] if found is None else [s for s in _split(found) if s]
    if not statements:
        return None
    value = {f"statement_{n + 1}": " ".join(_commuted(words)) for n, words in enumerate(statements)}
    return Reading("sql", "SQL", value, certain=fenced or _CERTAIN.match(text) is not None)


def _looks_like_sql(text: str) -> bool:
    first = re.match(r"\s*([A-Za-z]+)\b", text)
    wanted = _STARTS.get(first[1].lower()) if first else None
    return bool(wanted and re.search(wanted, text, re.IGNORECASE) and _SIGNS.search(text))


def _tokens(text: str) -> list[str] | None:
    """The tokens, None where something is no token of SQL."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        if match.lastgroup != "blank":
            found.append(_normal(match.lastgroup or "", match[0]))
    return found


def _normal(kind: str, word: str) -> str:
    if kind == "word":
        return word.casefold()
    if kind == "number":
        key = number_key(word)
        return word if key is None else f"{''.join(map(str, key[1])) or '0'}e{key[2]}"
    return "!=" if word == "<>" else word


def _split(tokens: list[str]) -> list[list[str]]:
    statements: list[list[str]] = [[]]
    for word in tokens:
        if word == ";":
            statements.append([])
        else:
            statements[-1].append(word)
    return statements


def _commuted(words: list[str]) -> list[str]:
    """The words with the conditions of each WHERE, HAVING and ON sorted, where nothing but AND joins them."""
    found: list[str] = []
    at = 0
    while at < len(words):
        found.append(words[at])
        at += 1
        if words[at - 1] in ("where", "having", "on"):
            end = _end_of_clause(words, at)
            found += _sorted_conditions(words[at:end])
            at = end
    return found


def _end_of_clause(words: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(words)):
        depth += (words[place] == "(") - (words[place] == ")")
        if depth < 0 or (depth == 0 and words[place] in _CLAUSES):
            return place
    return len(words)


def _sorted_conditions(words: list[str]) -> list[str]:
    """The conditions in one order; as they stand where OR, BETWEEN or CASE give AND another meaning."""
    conditions: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in ("or", "between", "case"):
            return words
        if depth == 0 and word == "and":
            conditions.append([])
        else:
            conditions[-1].append(word)
    first, *others = sorted(conditions)
    return [*first, *(word for condition in others for word in ("and", *condition))]
