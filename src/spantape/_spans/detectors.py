"""What counts as a secret: one detector for each kind, precise enough to leave ids, digests and payloads alone.

A pattern runs on plain bytes in which escapes are already undone (`spantape._spans.redaction`), except that escaped
quotes keep their backslashes, so that a pattern can tell at which level of JSON in JSON a string ends.

There is no catch-all for long tokens: a run of letters and digits is as likely an id, a digest, base64 or padding.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

SHAPE: Final = bytes(
    ord("A") if 48 <= code <= 57 or 65 <= code <= 90 else ord("-") if code == 32 else code
    for code in range(256)
)
"""The translation under which a detector's `shapes` are looked for: digits and capitals are "A", blanks "-"."""


@dataclass(frozen=True)
class Detector:
    """One kind of secret: what it looks like, and what must be there before anybody looks.

    `hints` are literal bytes, case-sensitive; `shapes` are literals in the text translated by `SHAPE`. The pattern
    runs only where any of them is in the text; a detector with neither always runs. The secret is `group` of the
    pattern, where `check`, given these bytes, agrees. With `lead`, what stands before the match belongs to the secret
    too: `lead` is matched on the *reversed* text before it and must match (a pattern that would have to begin with
    a long run of letters costs quadratic time; this one starts at its rare byte).
    """

    kind: str
    hints: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    group: int = 0
    check: Callable[[bytes], bool] | None = None
    lead: re.Pattern[bytes] | None = None
    shapes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if re.fullmatch("[a-z]+(_[a-z]+)*", self.kind) is None:
            raise ValueError(f"got kind {self.kind!r}, expected lower-case words joined by underscores")


# --- checks ------------------------------------------------------------------------------------------------------


def luhn(digits: bytes) -> bool:
    """Whether the digits in `digits` (blanks and dashes between them aside) pass the Luhn check (ISO/IEC 7812-1)."""
    numbers = [byte - 48 for byte in reversed(digits) if 48 <= byte <= 57]
    doubled = sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])
    return bool(numbers) and (sum(numbers[0::2]) + doubled) % 10 == 0


def iban(text: bytes) -> bool:
    """Whether `text` passes the check of ISO 13616: letters count from 10, and the whole is 1 modulo 97."""
    compact = text.replace(b" ", b"")
    return int("".join(str(int(chr(byte), 36)) for byte in compact[4:] + compact[:4])) % 97 == 1


def random_looking(token: bytes) -> bool:
    """Whether `token` has a digit and a letter: prose, code and template names seldom have both."""
    return re.search(rb"[0-9]", token) is not None and re.search(rb"[A-Za-z]", token) is not None


def _key_body(token: bytes) -> bool:
    """Whether `token` is no chain of words: it has a digit or a capital, or a long part without a dash."""
    return re.search(rb"[0-9A-Z]|[a-z]{16}", token[3:]) is not None


_NO_TLD = frozenset(
    b"png jpg jpeg gif svg webp bmp ico css js mjs ts tsx jsx json html htm xml yaml yml toml py pyc rb rs go java cpp "
    b"txt md pdf csv zip gz tar "
    b"agent cache event field flow fn func get getter hook jit mark patch put route setter step task tool wraps".split()
)  # files, and what decorators are called (`@agent.tool` behind a word that a web page ran into it)
_LONG_TLD = frozenset(
    b"academy business capital careers clothing company computer consulting cooking digital directory education "
    b"engineering enterprises equipment example expert finance foundation gallery graphics guitars hamburg healthcare "
    b"holdings holiday hosting institute insurance international internal invalid investments kitchen limited "
    b"localdomain localhost management marketing mortgage network observer partners photography pictures plumbing "
    b"productions properties recipes restaurant reviews security services shopping software solutions support systems "
    b"technology training university ventures versicherung website wedding yokohama".split()
)


def address(text: bytes) -> bool:
    """Whether `text`, shaped like an e-mail address, is one: no `git@…` remote, file name or attribute of an object."""
    local, _, domain = text.partition(b"@")
    top = domain.rpartition(b".")[2].lower()
    if local == b"git" or top in _NO_TLD:
        return False
    return len(top) <= 6 or top in _LONG_TLD or top.startswith(b"xn--")


def basic_credentials(token: bytes) -> bool:
    """Whether `token` is base64 of "user:password" (RFC 7617)."""
    try:
        plain = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain and all(32 <= byte < 127 for byte in plain)


_TEMPLATES = re.compile(
    rb"[<{$%*]|\[|\.\.\.|(?i:your|example|placeholder|redacted|changeme|process\.env|os\.environ|x{4})|[A-Z_]+\Z"
)


def field_value(value: bytes) -> bool:
    """Whether the value of a field named like a secret is one, and no template (`${KEY}`, `<your key>`, `****`)."""
    return _TEMPLATES.match(value) is None and len(set(value)) > 3  # no "xxxxxxxx", no "--------"


# --- patterns ----------------------------------------------------------------------------------------------------

_FIELDS_KEY: Final = (
    rb"(?:(?:[A-Za-z0-9]+[_-])*"
    rb"(?:api[_-]?key|secret[_-]?(?:access[_-]?)?key|access[_-]?key|client[_-]?secret|private[_-]?key|account[_-]?key|"
    rb"subscription[_-]?key|signing[_-]?key|webhook[_-]?secret|app[_-]?secret|"
    rb"(?:access|refresh|auth|authorization|bearer|session|security|private|bot|api)[_-]?token))"
)
_FIELDS_PASSWORD: Final = rb"(?:(?:[A-Za-z0-9]+[_-])*(?:password|passwd))"

_HINTS_KEY: Final = (
    *(b"api_key api-key apiKey ApiKey API_KEY API-KEY secret_key secretKey SecretKey SECRET_KEY".split()),
    *(
        b"access_key accessKey AccessKey ACCESS_KEY private_key privateKey PRIVATE_KEY account_key AccountKey".split()
    ),
    *(
        b"subscription_key subscription-key signing_key SIGNING_KEY client_secret clientSecret CLIENT_SECRET".split()
    ),
    *(b"webhook_secret WEBHOOK_SECRET app_secret appSecret APP_SECRET".split()),
    *(
        b"access_token accessToken ACCESS_TOKEN refresh_token refreshToken REFRESH_TOKEN auth_token authToken".split()
    ),
    *(
        b"AUTH_TOKEN ization_token bearer_token session_token sessionToken SESSION_TOKEN security_token".split()
    ),
    *(
        b"private_token PRIVATE_TOKEN bot_token BOT_TOKEN api_token apiToken API_TOKEN auth-token access-token".split()
    ),
)
_HINTS_PASSWORD: Final = (b"assword", b"asswd", b"ASSWORD")


def _quoted(names: bytes) -> re.Pattern[bytes]:
    # group 1 holds the backslashes that this level of JSON in JSON puts before its quotes: the value ends at the
    # next quote of the same level
    quote = rb"(?(1)\1)\2"
    return re.compile(
        rb"(?<!\\)(\\++)?([\"'])(?i:" + names + rb")" + quote + rb"\s*[:=]\s*" + quote + rb"("
        rb"(?(1)(?:(?!\2)[^\s\\]|\\++[\"']?){6,4096}?(?<!\\)|(?:(?!\2)[^\s\\]|\\[^\s]){6,4096}+)"
        rb")" + quote
    )


def _assigned(names: bytes) -> re.Pattern[bytes]:
    return re.compile(
        rb"(?<![A-Za-z0-9_-])(?i:"
        + names
        + rb")\s{0,4}[:=]\s{0,4}\\*+[\"']?([A-Za-z0-9_./+~$!@#%^*-]{7,512}+=*+)(?![(\[{])"
    )


_IBAN_LENGTHS: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""How long an IBAN is in each country (SWIFT IBAN registry)."""


# The patterns below begin with a set of bytes and look behind it, so that a search can skip what is not in the set.


def _iban_pattern() -> re.Pattern[bytes]:
    forms = []
    for length, countries in _IBAN_LENGTHS.items():
        groups, rest = divmod(length - 4, 4)
        tail = f" [A-Z0-9]{{{rest}}}" if rest else ""
        spaced = f"(?: [A-Z0-9]{{4}}){{{groups}}}{tail}"
        letters = "|".join(f"(?<={country[0]}){country[1]}" for country in countries.split())
        forms.append(f"(?:{letters})[0-9]{{2}}(?:[A-Z0-9]{{{length - 4}}}|{spaced})")
    start = r"[A-Z](?<![A-Za-z0-9+/=_.-][A-Z])(?=[A-Z][0-9]{2}[ A-Z0-9]{11})"
    return re.compile(rf"{start}(?:{'|'.join(forms)})(?![A-Za-z0-9+/=_])".encode())


_CARD: Final = re.compile(
    rb"[2-6](?<![0-9A-Za-z_.+/$#-][2-6])(?<![0-9] [2-6])(?=[0-9]{3}[0-9 -][0-9]{4})"
    rb"(?:(?:(?<=4)[0-9]{3}|(?<=5)[1-5][0-9]{2}|(?<=2)[2-7][0-9]{2}|(?<=3)5[0-9]{2}|(?<=6)(?:011|4[4-9][0-9]|5[0-9]{2}))"
    rb"(?:([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{12})"
    rb"|(?<=3)[47][0-9]{2}(?:([ -])[0-9]{6}\2[0-9]{5}|[0-9]{11})"
    rb"|(?<=3)(?:0[0-5]|[68][0-9])[0-9](?:([ -])[0-9]{6}\3[0-9]{4}|[0-9]{10})"
    rb"|(?<=4)[0-9]{12}(?:[0-9]{6})?)"
    rb"(?![0-9A-Za-z_/+=])(?!\.[0-9])(?![ -][0-9](?![0-9]{3}(?:([ -])[0-9]{4}\4[0-9]{4}\4[0-9]{4}|[0-9]{12})(?![0-9])))(?!-[A-Za-z])"
)
_SSN: Final = re.compile(
    rb"[0-8](?<![0-9A-Za-z_.+/=-][0-8])[0-9]{2}-(?<!000-)(?<!666-)(?!00)[0-9]{2}-(?!0000)[0-9]{4}"
    rb"(?![0-9A-Za-z_-])(?!\.[0-9])"
)
_LONG_RUN: Final = b"A" * 13
_FOURS: Final = b"AAAA-AAAA-AAAA"

_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:(?:[A-Za-z0-9+/=\s:,._()\\]|-(?!-)){0,65536}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\r\n\v]*)"
)
_IDN: Final = rb"[\xc3-\xdf][\x80-\xbf]|[\xe0\xe1\xe4-\xed][\x80-\xbf]{2}|\xe3[\x81-\xbf][\x80-\xbf]"
"""A letter of an internationalised domain, as UTF-8: none of the blocks of blanks, quotes and punctuation."""

_ADDRESS: Final = re.compile(
    rb"@(?:(?:[A-Za-z0-9]|" + _IDN + rb")(?:[A-Za-z0-9-]|" + _IDN + rb"){0,62}+\.)+"
    rb"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24}+)"
    rb"(?:(?<=\.com)|(?<=\.org)|(?<=\.net)|(?<=\.edu)|(?<=\.gov)|(?<=\.io)|(?<=\.de)|(?<=\.uk)|(?![A-Za-z0-9_.-]*\())"
)
_LOCAL_PART_REVERSED: Final = re.compile(
    rb"(?:[A-Za-z0-9_+-]|[\x80-\xbf][\xc3-\xc5])+(?:\.(?:[A-Za-z0-9_+-]|[\x80-\xbf][\xc3-\xc5])+)*"
    rb"(?<=[A-Za-z0-9\xc3-\xc5])"
)


def _key(prefix: bytes, rest: bytes, *, check: Callable[[bytes], bool] | None = random_looking) -> Detector:
    # the lookbehind stands behind the prefix, so that the search can jump from one prefix to the next
    pattern = re.compile(prefix + rb"(?<![A-Za-z0-9]" + prefix + rb")" + rest)
    literal = prefix.replace(b"\\", b"")
    return Detector("api_key", (literal,), pattern, check=check)


_KEYS: Final = (
    _key(b"sk-", rb"[A-Za-z0-9_-]{16,}", check=_key_body),  # OpenAI, Anthropic, OpenRouter, DeepSeek, …
    Detector(  # Google; bounded on both sides, since base64 has the prefix now and then
        "api_key", (b"AIza",), re.compile(rb"AIza(?<![A-Za-z0-9+/]AIza)[A-Za-z0-9_-]{35}(?![A-Za-z0-9+/=])")
    ),
    Detector(
        "api_key",
        (),
        re.compile(rb"A[KS]IA(?<![A-Za-z0-9+/]A[KS]IA)[A-Z0-9]{16}(?![A-Za-z0-9+/=])"),
        shapes=(_LONG_RUN,),
    ),
    *(_key(b"gh" + kind + b"_", rb"[A-Za-z0-9]{30,}") for kind in (b"p", b"o", b"u", b"s", b"r")),
    _key(b"github_pat_", rb"[A-Za-z0-9_]{22,}"),
    _key(b"glpat-", rb"[A-Za-z0-9_.-]{20,}"),
    *(
        _key(b"xox" + kind + b"-", rb"[A-Za-z0-9-]{10,}")
        for kind in (b"a", b"b", b"e", b"o", b"p", b"r", b"s")
    ),
    *(_key(kind, rb"[A-Za-z0-9]{16,}") for kind in (b"sk_live_", b"rk_live_", b"sk_test_", b"rk_test_")),
    _key(b"hf_", rb"[A-Za-z0-9]{30,}", check=None),
    _key(b"gsk_", rb"[A-Za-z0-9]{20,}"),
    _key(b"xai-", rb"[A-Za-z0-9]{20,}"),
    _key(b"r8_", rb"[A-Za-z0-9]{30,}", check=None),
    _key(b"tvly-", rb"[A-Za-z0-9-]{16,}"),
    _key(b"pplx-", rb"[A-Za-z0-9]{30,}"),
    _key(b"nvapi-", rb"[A-Za-z0-9_-]{30,}"),
    _key(b"npm_", rb"[A-Za-z0-9]{36,}"),
    _key(b"pypi-", rb"[A-Za-z0-9_-]{50,}"),
)

DEFAULT_DETECTORS: Final[Sequence[Detector]] = (
    Detector("private_key", (b"-----BEGIN",), _PRIVATE_KEY),
    Detector("credentials", (b"@",), re.compile(rb"://([^\s/@:\"'<>\\?#]+:[^\s/@\"'<>\\?#]+)@"), group=1),
    Detector("email", (b"@", b"\\u0040", b"%40"), _ADDRESS, check=address, lead=_LOCAL_PART_REVERSED),
    *_KEYS,
    Detector(
        "jwt",
        (b".eyJ",),
        re.compile(rb"eyJ(?<![A-Za-z0-9]eyJ)[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]+)?"),
    ),
    Detector(
        "api_key",
        (b"Bearer ",),
        re.compile(rb"Bearer +([A-Za-z0-9._~+/-]{16,}+=*+)"),
        group=1,
        check=random_looking,
    ),
    Detector(
        "credentials",
        (b"Basic ",),
        re.compile(rb"Basic +([A-Za-z0-9+/]{8,}+=*+)"),
        group=1,
        check=basic_credentials,
    ),
    Detector("api_key", _HINTS_KEY, _quoted(_FIELDS_KEY), group=3, check=field_value),
    Detector("api_key", _HINTS_KEY, _assigned(_FIELDS_KEY), group=1, check=random_looking),
    Detector("password", _HINTS_PASSWORD, _quoted(_FIELDS_PASSWORD), group=3, check=field_value),
    Detector("password", _HINTS_PASSWORD, _assigned(_FIELDS_PASSWORD), group=1, check=random_looking),
    Detector(  # signed and keyed URLs: whoever has the URL has the access
        "api_key",
        (b"sig=", b"ature=", b"oken=", b"key="),
        re.compile(
            rb"[?&](?i:sig|signature|(?:x-(?:amz|goog)-)?signature|x-amz-security-token|access_token|token|api_?key|key)"
            rb"=([^&\s\"'<>\\#]{8,}+)"
        ),
        group=1,
        check=random_looking,
    ),
    Detector("credit_card", (), _CARD, check=luhn, shapes=(_LONG_RUN, _FOURS, b"AAAA-AAAAAA-AAAA")),
    Detector("ssn", (), _SSN, shapes=(b"AAA-AA-AAAA",)),
    Detector("iban", (), _iban_pattern(), check=iban, shapes=(_LONG_RUN, _FOURS)),
)
"""E-mail addresses, provider keys, tokens, private keys, credentials in URLs, passwords, card numbers, SSN, IBAN."""
