"""The shared corpus as values: its exchanges, each with the operation that its path and its body tell."""

from __future__ import annotations

import base64
import itertools
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from spantape._model import Exchange, Request, Response

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"

# method, end of host and path, a key of the body that says so (None: any body), and what it is
_LOOKS = (
    ("POST", r"/prompts/[^/]+/completions", "variables", "chat.prompt"),
    ("POST", r"/chat/completions", "messages", "chat"),
    ("POST", r"api\.writer\.com(:\d+)?/v1/chat", "messages", "chat.writer"),
    ("POST", r"/completions", "prompt", "completions"),
    ("POST", r"/responses/compact", "input", "responses.compact"),
    ("POST", r"/responses/input_tokens", "input", "responses.input_tokens"),
    ("POST", r"/responses", "input", "responses"),
    ("POST", r"(?<!/api)/embeddings", "input", "embeddings"),
    ("POST", r"/v1/messages/count_tokens", "messages", "messages.count_tokens"),
    ("POST", r"/v1/messages", "messages", "messages"),
    ("GET", r"/responses/resp_\w+", None, "responses.retrieve"),
)


@dataclass(frozen=True)
class Recorded:
    """One exchange of the corpus; `operation` is None where it is none of those that are served to an SDK."""

    index: int
    method: str
    url: str
    asked_with: tuple[tuple[str, str], ...]
    request: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    response: bytes
    request_missing: bool

    @cached_property
    def _parts(self):
        return urlsplit(self.url)

    @property
    def host(self):
        return self._parts.netloc

    @property
    def place(self):
        return self._parts.path

    @property
    def query(self):
        return self._parts.query

    @property
    def target(self):
        return f"{self.place}?{self.query}" if self.query else self.place

    @cached_property
    def body(self):
        """The request as JSON, {} where it is none or was not recorded."""
        try:
            value = json.loads(self.request or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def operation(self):
        """What the path says; the body must not say otherwise."""
        for method, end, key, operation in _LOOKS:
            if method == self.method and re.search(end + "$", self.host + self.place.rstrip("/")):
                assert key is None or not self.body or key in self.body or "previous_response_id" in self.body
                return operation
        return None

    @property
    def is_stream(self):
        """Whether the program asked for a stream; where the request was lost, whether it got one."""
        if self.request_missing or self.method == "GET":
            return "event-stream" in dict(self.headers).get("content-type", "")
        return self.body.get("stream") is True

    def exchange(self, cut):
        """The exchange that a server gives back, its body in the pieces that `cut` makes of it."""
        response = Response(self.status, self.headers, self.response, cut(self.response))
        return Exchange(Request(self.method, self.url, (), self.request), response)


@lru_cache(maxsize=4)
def exchanges(path):
    """The exchanges of one file, in order."""
    lines = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    return tuple(_recorded(index, line) for index, line in enumerate(lines) if "url" in line)


def _recorded(index, line):
    return Recorded(
        index,
        line["method"],
        line["url"],
        tuple((line["request_headers"] or {}).items()),
        _body(line, "request"),
        line["status"],
        tuple((line["response_headers"] or {}).items()),
        _body(line, "response"),
        bool(line.get("request_missing")),
    )


def _body(line, side):
    text = line.get(f"{side}_body")
    return text.encode() if text is not None else base64.b64decode(line.get(f"{side}_body_b64") or "")


def files():
    """The files of the corpus that hold HTTP exchanges."""
    return sorted(path for path in CORPUS.glob("*/*.jsonl") if exchanges(path)) if CORPUS.is_dir() else []


# --- how a body comes in pieces ----------------------------------------------------------------------------------

_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r){2,}")
_MOST_CUTS = 150


def at_events(body):
    """The lengths of the events of a stream; () for any other body."""
    if not re.match(rb"\s*(data|event|id|retry)?:", body):
        return ()
    return _lengths(body, {match.end() for match in _BLANK_LINE.finditer(body)})


def anywhere(body):
    """Lengths that cut events, lines, line ends and UTF-8 sequences."""
    inside = [match.start() + 1 for match in re.finditer(rb"[\xc2-\xf4]", body)][:_MOST_CUTS]
    ends = [match.start() + 1 for match in re.finditer(rb"\n", body)][:_MOST_CUTS]
    step = max(7, len(body) // _MOST_CUTS) | 1
    return _lengths(body, {*inside, *ends, *range(step, len(body), step)})


def _lengths(body, cuts):
    edges = sorted({0, *cuts, len(body)})
    return tuple(stop - start for start, stop in itertools.pairwise(edges))


# --- secrets, where the corpus has none --------------------------------------------------------------------------

SECRET = "ada.byron@analytical-engine.org"
_TEXT = re.compile(rb'("(?:content|text|delta|partial_json|arguments)": *")((?:[^"\\]|\\.)*)(?=")')


def planted(recorded):
    """The exchange with an e-mail address in every text of its bodies."""

    def plant(body):
        return _TEXT.sub(lambda match: match[1] + b"Mail " + SECRET.encode() + b" now. " + match[2], body)

    return replace(recorded, request=plant(recorded.request), response=plant(recorded.response))


def in_pieces(recorded):
    """The exchange with an e-mail address cut in three over the texts that are streamed, again and again."""
    pieces = itertools.cycle((b" " + SECRET[:6].encode(), SECRET[6:15].encode(), SECRET[15:].encode() + b" "))

    def plant(event):
        if b"content_block_start" in event:  # opens a block; its text is empty in all that was recorded
            return event
        return _TEXT.sub(lambda match: match[1] + next(pieces), event)

    at = 0
    planted_events = []
    for length in at_events(recorded.response):
        planted_events.append(plant(recorded.response[at : at + length]))
        at += length
    return replace(recorded, response=b"".join(planted_events)) if planted_events else recorded


def as_recorded(recorded):
    """The exchange itself."""
    return recorded
