"""Secrets are replaced by numbered placeholders before anything leaves the process, so that a replay still matches.

A placeholder is `__<kind>_<n>__`, numbered for each kind in order of first appearance in the run. The same secret has
the same placeholder everywhere in its run; which secret it stands for is known in memory only, while the run lasts.

What recording and replay have in common: a placeholder that is already in a text is left alone and its number is
taken. So a replayed program, which was answered with placeholders, and the recorded one, which was answered with the
secrets, have the same numbers taken after the same steps, and the next secret gets the same number in both.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from spantape._model import Headers
from spantape._spans.detectors import DEFAULT_DETECTORS, Detector
from spantape._spans.edits import Edit, apply_edits, shift_chunks
from spantape._spans.kept import (
    KEEP_REQUEST_HEADERS,
    KEEP_REQUEST_PREFIXES,
    KEEP_RESPONSE_HEADERS,
    KEEP_RESPONSE_PREFIXES,
    clean_url,
    sent,
)
from spantape._spans.kept import kept as kept_of
from spantape._spans.search import PLACEHOLDER, WORTH_KNOWING, Gate, Literal, scan, unescape

__all__ = [
    "DEFAULT_DETECTORS",
    "KEEP_REQUEST_HEADERS",
    "KEEP_REQUEST_PREFIXES",
    "KEEP_RESPONSE_HEADERS",
    "KEEP_RESPONSE_PREFIXES",
    "Detector",
    "Edit",
    "Redactor",
    "apply_edits",
    "shift_chunks",
    "widened",
]

_DEFAULT_GATE: Final = Gate(DEFAULT_DETECTORS)
_KNOWN: Final = 512

_clean_urls: dict[str, None] = {}
_clean_headers: dict[Headers, None] = {}
"""URLs and kept request headers in which the default detectors find nothing: clients send the same ones each time."""


class Secret(NamedTuple):
    """A secret at the bytes `start:stop` of a body; `value` is what it says, without escapes."""

    start: int
    stop: int
    kind: str
    value: bytes


class Redactor:
    """The secrets of one run and their placeholders. Thread-safe.

    `literals` are texts to replace wherever they stand, known to be secret by the user. `counts` says how many
    replacements were made, by kind.
    """

    def __init__(
        self, detectors: Sequence[Detector] = DEFAULT_DETECTORS, *, literals: Iterable[str] = ()
    ) -> None:
        self._default = detectors is DEFAULT_DETECTORS
        self._gate = _DEFAULT_GATE if detectors is DEFAULT_DETECTORS else Gate(detectors)
        self._placeholders: dict[bytes, bytes] = {}
        self._taken: dict[str, set[int]] = {}
        self._next: dict[str, int] = {}
        self._learned: dict[str, str] = {}
        self._literals: tuple[Literal, ...] = ()
        self._forms: dict[bytes, bytes] = {}
        self._agreed: set[bytes] = set()
        self._lock = threading.RLock()
        self.counts: dict[str, int] = {}
        for literal in literals:
            self._learn(literal, "secret")

    # --- what is replaced ---------------------------------------------------------------------------------------

    def text(self, value: str) -> str:
        """`value` with its secrets replaced; `value` itself where there are none."""
        data = value.encode("utf-8", "surrogatepass")
        clean = apply_edits(data, self._edits(data, 0, len(data), is_text=True))
        return value if clean is data else clean.decode("utf-8", "surrogatepass")

    def body(self, data: bytes, start: int = 0, stop: int | None = None) -> bytes:
        """`data` with the secrets in `start:stop` replaced; `data` itself where there are none."""
        return apply_edits(data, self.edits(data, start, stop))

    def edits(self, data: bytes, start: int = 0, stop: int | None = None) -> list[Edit]:
        """The replacements of the secrets in `data[start:stop]`, in order and without overlap.

        The part is widened to whole JSON strings, so that no secret straddles its ends: an edit may begin before
        `start` or end behind `stop`.
        """
        return self._edits(data, start, len(data) if stop is None else stop, is_text=False)

    def _edits(self, data: bytes, start: int, stop: int, *, is_text: bool) -> list[Edit]:
        low, high = (start, stop) if stop - start == len(data) else widened(data, start, stop)
        part = data if low == 0 and high == len(data) else data[low:high]
        if len(part) >= WORTH_KNOWING and not self.literals_in(part):
            first, last = widened(part, *self._gate.news(part))
            part = part if first == 0 and last == len(part) else part[first:last]
            low += first
        has_placeholders = self.observe(part)
        secrets = self.locate(part, is_text=is_text)
        if part is data and not (secrets or has_placeholders):
            self._gate.remember(part)
        return [Edit(low + one.start, low + one.stop, self.place(one.kind, one.value)) for one in secrets]

    def locate(self, data: bytes, *, is_text: bool = False) -> list[Secret]:
        """The secrets in `data`, in order and without overlap; none gets a placeholder yet.

        Unless told that it `is_text`, a NUL byte says that `data` is binary: nothing in it is looked at.
        """
        detectors, literals = self.candidates(data)
        if not (detectors or literals):
            return []
        secrets: list[Secret] = []
        for first, last in [(0, len(data))] if is_text else _texts(data):
            plain = unescape(data[first:last])
            for found in scan(plain.data, detectors, literals):
                start, stop = plain.raw(found.start, found.stop)
                value = plain.data[found.start : found.stop]
                secrets.append(Secret(first + start, first + stop, found.kind, value))
        return secrets

    def stream(self, body: bytes, chunks: Sequence[int], content_type: str) -> tuple[bytes, tuple[int, ...]]:
        """A response body with its secrets replaced, and the lengths that its chunks then have.

        In a stream of JSON events (SSE, NDJSON) a secret may also be split over several events: it is found in the
        joined text of their equal fields; its placeholder stands in the first piece, and the rest of it is gone
        from the others. There are as many chunks as before; the length of one may become 0.
        """
        from spantape._spans.streamed import is_stream, stream_edits  # it builds on this module

        lengths = tuple(chunks)
        edits_of = stream_edits if is_stream(body, content_type) else _body_edits
        while edits := edits_of(self, body, content_type):
            body, lengths = apply_edits(body, edits), shift_chunks(lengths, edits)
        return body, lengths

    def url(self, url: str) -> str:
        """`url` with its userinfo, the values of secret query parameters and whatever else is secret replaced."""
        if url in _clean_urls and self._default and not self.knows_of(url):
            return url
        with self._lock:
            before = len(self._placeholders)
            has_placeholders = self.observe(url)
            clean = self.text(clean_url(url, self._place_in_url))
            if clean == url and before == len(self._placeholders) and not has_placeholders:
                self._note(_clean_urls, url)
        return clean

    def headers(self, headers: Headers, *, response: bool) -> Headers:
        """Those of `headers` (names in lower case) that are recorded, with the secrets in their values replaced."""
        kept = kept_of(headers, response=response)
        if (
            kept in _clean_headers
            and self._default
            and not self.knows_of("\n".join([value for _, value in kept]))
        ):
            return kept
        values = [self.url(value) if name == "location" else value for name, value in kept]
        # searched at once: a search costs the same for one as for all
        joined = "\n".join(values)
        cleaned = self.text(joined)
        if cleaned is joined:
            if not response and values == [value for _, value in kept]:
                self._note(_clean_headers, kept)
            return tuple([(name, value) for (name, _), value in zip(kept, values, strict=True)])
        clean = cleaned.split("\n")
        if len(clean) != len(values):
            clean = [self.text(value) for value in values]
        return tuple([(name, value) for (name, _), value in zip(kept, clean, strict=True)])

    def knows(self, url: str, asked: Headers) -> bool:
        """Whether `url` and the recorded request headers `asked` are known to be clean."""
        return (
            self._default
            and url in _clean_urls
            and asked in _clean_headers
            and not (
                self._literals and (self.knows_of(url) or self.knows_of("\n".join([v for _, v in asked])))
            )
        )

    def knows_of(self, text: str) -> bool:
        """Whether a known secret stands in `text`."""
        return bool(self._literals) and bool(self.literals_in(text.encode("utf-8", "surrogatepass")))

    def _note(self, clean: dict[Any, None], text: Any) -> None:
        if self._default:
            if len(clean) >= _KNOWN:
                clean.clear()
            clean[text] = None

    # --- what is known ------------------------------------------------------------------------------------------

    def learn(self, headers: Headers) -> None:
        """Take the credentials that a request carries as secrets to look for in the URLs and bodies of the run."""
        for secret in sent(headers).credentials:
            if secret not in self._learned:
                self._learn(secret, "api_key")

    def observe(self, data: bytes | str) -> bool:
        """Whether there are placeholders in `data`; their numbers are taken, and no secret of this run gets them."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        seen = PLACEHOLDER.findall(data) if b"__" in data else ()
        if seen:
            with self._lock:
                for kind, number in seen:
                    self._taken.setdefault(kind.decode(), set()).add(int(number))
        return bool(seen)

    def is_settled(self, text: bytes) -> bool:
        """Whether every placeholder in `text` is one that a tape has for its secret; see `agree`."""
        if len(self._agreed) == len(self._placeholders):
            return True
        with self._lock:
            open_ = [
                placeholder
                for secret, placeholder in self._placeholders.items()
                if secret not in self._agreed
            ]
        return not any(placeholder in text for placeholder in open_)

    def agree(self, pairs: Iterable[tuple[bytes, bytes]]) -> bool:
        """Give secrets the placeholders that a tape has for them; True where one changed.

        Each pair is a placeholder of this run and the recorded one in its place. Runs that do things in another order,
        as threads do, number the same secrets otherwise. What was agreed on once stays.
        """
        changed = False
        with self._lock:
            holders = {placeholder: secret for secret, placeholder in self._placeholders.items()}
            for ours, theirs in pairs:
                secret, other = holders.get(ours), holders.get(theirs)
                if secret is None or secret in self._agreed or (other is not None and other in self._agreed):
                    continue
                self._agreed.add(secret)
                if ours == theirs:
                    continue
                changed = True
                self.observe(theirs)
                self._placeholders[secret] = theirs
                holders[theirs] = secret
                del holders[ours]
                if other is not None:
                    self._placeholders[other] = ours
                    holders[ours] = other
        return changed

    def since(self, before: Mapping[str, int]) -> tuple[str, ...]:
        """What was replaced since `counts` was `before`: "<kind>:<count>" for each kind, by name."""
        if not self.counts:
            return ()
        with self._lock:
            now = sorted(self.counts.items())
        return tuple(
            f"{kind}:{count - before.get(kind, 0)}" for kind, count in now if count > before.get(kind, 0)
        )

    def candidates(self, text: bytes) -> tuple[list[Detector], list[Literal]]:
        """What `text` may hold, by cheap checks: the detectors worth running and the known secrets that are there."""
        return self._gate.candidates(text), self.literals_in(text)

    def is_clean(self, text: bytes) -> bool:
        """Whether nothing in `text` is worth a closer look: no hint of a secret, no known secret, no placeholder.

        Far cheaper than to search; several texts may be looked at as one.
        """
        return b"__" not in text and not self._gate.hinted(text) and not self.literals_in(text)

    def seeks_quotes(self) -> bool:
        """Whether a hint or a known secret has a quote in it, so that a text must not be cut at its quotes."""
        return self._gate.seeks_quotes or any(b'"' in one.forms[0] for one in self._literals)

    def literals_in(self, text: bytes) -> list[Literal]:
        """The known secrets that stand in `text` in one of their written forms."""
        if not self._literals:
            return []
        return [literal for literal in self._literals if any(form in text for form in literal.forms)]

    def place(self, kind: str, secret: bytes) -> bytes:
        """The placeholder of `secret`, a new one where it was not seen in this run; counted as a replacement."""
        secret = self._forms.get(secret) or _canonical(secret)
        with self._lock:
            placeholder = self._placeholders.get(secret)
            if placeholder is None:
                placeholder = self._placeholders[secret] = f"__{kind}_{self._number(kind)}__".encode()
            name = placeholder[2:-2].rpartition(b"_")[0].decode()
            self.counts[name] = self.counts.get(name, 0) + 1
        return placeholder

    def _number(self, kind: str) -> int:
        taken = self._taken.setdefault(kind, set())
        number = self._next.get(kind, 1)
        while number in taken:
            number += 1
        taken.add(number)
        self._next[kind] = number + 1
        return number

    def _place_in_url(self, kind: str, secret: bytes) -> str:
        if PLACEHOLDER.fullmatch(secret):
            return secret.decode()
        return self.place(kind, secret).decode()

    def _learn(self, secret: str, kind: str) -> None:
        with self._lock:
            if not secret or secret in self._learned:
                return
            self._learned[secret] = kind
            forms = _written(secret)
            self._forms.update(dict.fromkeys(forms, secret.encode("utf-8", "surrogatepass")))
            self._literals = (*self._literals, Literal(forms, kind))


@lru_cache(maxsize=128)
def _written(secret: str) -> tuple[bytes, ...]:
    """The forms in which `secret` may stand in a text: as it is, in JSON, in JSON in JSON, in a URL."""
    forms = [secret, quote(secret.encode("utf-8", "surrogatepass"), safe="")]
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        forms += (once, json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    return tuple(form.encode("utf-8", "surrogatepass") for form in dict.fromkeys(forms))


def _canonical(secret: bytes) -> bytes:
    """`secret` with its lines ended alike: a key block is the same with line ends written as they are or escaped."""
    return b"\n".join(secret.split()) if b"\n" in secret or b"\v" in secret else secret


def _body_edits(redactor: Redactor, body: bytes, _content_type: str) -> list[Edit]:
    return redactor.edits(body)


# --- which part of a body ----------------------------------------------------------------------------------------


def widened(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """`start:stop` grown to ends outside of JSON strings, with the name of the member whose value it begins in."""
    if start > 0:
        at, start = start, _quote_before(data, start)
        if data[start + 1 : at].lstrip().startswith(b":"):
            start = _quote_before(data, start)
        if data[start - 32 if start > 32 else 0 : start].rstrip().endswith(b":"):
            start = _quote_before(data, _quote_before(data, start))
    if stop < len(data):
        stop = _quote_behind(data, stop)
    return start, stop


def _quote_before(data: bytes, at: int) -> int:
    """The offset of the last quote before `at` that is not escaped, 0 where there is none."""
    while (at := data.rfind(b'"', 0, at)) > 0:
        slashes = at
        while slashes and data[slashes - 1] == 0x5C:
            slashes -= 1
        if (at - slashes) % 2 == 0:
            return at
    return 0


_TO_QUOTE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)


def _quote_behind(data: bytes, at: int) -> int:
    """The offset behind the first quote from `at` on that is not escaped; the end where there is none."""
    while at and data[at - 1] == 0x5C:  # the cut may stand inside an escape
        at -= 1
    match = _TO_QUOTE.match(data, at)
    return match.end() if match else len(data)


def _texts(data: bytes) -> list[tuple[int, int]]:
    """The parts of `data` that are text: all of it, none of a binary one, the text parts of a multipart one."""
    if b"\0" not in data:
        return [(0, len(data))]
    if not data.startswith(b"--"):
        return []
    boundary = data[: data.find(b"\n")].rstrip(b"\r")
    edges = [match.start() for match in re.finditer(re.escape(boundary), data)] + [len(data)]
    return [(start, stop) for start, stop in pairwise(edges) if b"\0" not in data[start:stop]]
