"""Shell commands by their words: quoting, line continuations and the order of options side by side are free."""

from __future__ import annotations

import re
import shlex
from typing import Final

from spantape.semantic.structured.forms import Reading

_NAMES: Final = (
    "apt apt-get aws az brew bundle cargo cat cd chmod chown cmake conda cp curl dig docker "
    "docker-compose dotnet echo ffmpeg find gcloud gh git go gradle grep gunzip gzip helm java jq "
    "kill kubectl ln ls make mkdir mv mvn node npm npx openssl php pip pip3 pipx podman poetry psql "
    "pytest python python3 rm rmdir rsync ruby scp sed sh ssh sudo systemctl tail tar terraform "
    "touch uv vault wget yarn zip unzip redis-cli mysql mongosh crontab journalctl export source awk "
    "sort xargs tee bash service nslookup ping "
)
_PROGRAMS: Final = frozenset(_NAMES.split())
_ORDERED: Final = frozenset({"find", "ffmpeg", "test", "[", "expr", "convert", "magick", "sed", "awk"})
"""Programs whose options are an expression, or apply to what comes behind them."""

_SIGNS: Final = re.compile(r"\s--?[A-Za-z]|[|><&$=/~*]|\.\w")
_FLAG: Final = re.compile(r"\s(?:-[A-Za-z]|--[a-z][\w-]+)(?=[\s=]|$)")
_OPTION: Final = re.compile(r"--?[A-Za-z][\w-]*(?:=.*)?", re.DOTALL)
_LIMIT: Final = 100_000  # characters that are read


def read_shell(text: str, *, fenced: bool = False) -> Reading | None:
    """Each command as its words; unfenced it starts with a prompt or a known program; certain where it has an option."""
    prompted = text.lstrip().startswith("$ ")
    if len(text) > _LIMIT or not (fenced or prompted or _looks_like_shell(text)):
        return None
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    try:
        found = [_words(line) for line in lines if line and not line.startswith("#")]
    except ValueError:  # a quote that is not closed
        return None
    commands = [words for words in found if words]
    if not commands:
        return None
    certain = fenced or prompted or _FLAG.search(text) is not None
    value = {f"command_{n + 1}": _normal(words) for n, words in enumerate(commands)}
    return Reading("shell", "a command", value, certain=certain)


def _looks_like_shell(text: str) -> bool:
    lines = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if line.strip()]
    known = all(line.split()[0] in _PROGRAMS for line in lines)
    return bool(lines) and known and _SIGNS.search(text) is not None


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _normal(words: list[str]) -> list[str]:
    """The words with each stretch of options sorted; an option takes the word behind it along, whose it may be."""
    ordered = any(word in _ORDERED for word in words)
    found: list[str] = []
    options: list[str] = []
    for word in words:
        if not ordered and _OPTION.fullmatch(word):
            options += _options(word)
        elif options and "=" not in options[-1] and not set(word) <= set("();<>|&"):
            options[-1] += f"={word}"
        else:
            found += [*sorted(options), word]
            options = []
    return found + sorted(options)


def _options(word: str) -> list[str]:
    """One option; the letters of `-la` in their order, but for the last, which may take a value."""
    if word.startswith("--") or "=" in word or len(word) < 4:
        return [word]
    return [f"-{''.join(sorted(word[1:-1]))}{word[-1]}"]
