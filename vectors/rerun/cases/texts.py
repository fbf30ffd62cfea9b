"""What is equal as JSON, and text that is not what it seems."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cases.common import (
    ACTUAL,
    STEP,
    Case,
    canonical,
    case,
    changed,
    drop,
    pretty,
    put,
    signed,
)
from spantape.rerun import capture


def cases() -> Iterator[Case]:
    """All of them."""
    yield from values()
    yield from texts()


def values() -> Iterator[Case]:
    """What is equal as JSON, and what only looks it."""

    def messages(name: str, description: str, ours: object, theirs: bytes, *errors: str) -> Case:
        bundle = signed(put("inputs.messages", [ours]))
        actual = pretty(changed(ACTUAL, put("inputs.messages", ["@"]))).replace(b'"@"', theirs)
        return case(f"value-{name}", description, bundle, actual, errors=errors)

    differ = "InputHashMismatch:messages_sha256"
    yield messages("spelled-1.0", "1.0 is 1", 1, b"1.0")
    yield messages("spelled-1e2", "1E+2 is 100", 100, b"1E+2")
    yield messages("minus-zero", "-0.0 is 0", 0, b"-0.0")
    yield messages("smallest", "5e-324 is the smallest double", 5e-324, b"5e-324")
    yield messages("largest-integer", "2^53 is a double", 2**53, b"9007199254740992")
    yield messages("large-and-exact", "1e21 is one number", 1e21, b"1000000000000000000000")
    yield messages("true-is-not-1", "true is no number", 1, b"true", differ)
    yield messages("text-is-no-number", "nor is a string", 1, b'"1"', differ)
    yield messages("null-is-not-absent", "null is a value", {}, b'{"a": null}', differ)
    yield messages("escapes", "escapes are spelling", "é/\u2028\x7f", b'"\\u00e9\\/\\u2028\\u007F"')
    yield messages("surrogate-pair", "so is a surrogate pair", "😀", b'"\\ud83D\\uDe00"')
    yield messages(
        "combining", "é is not e and an accent: nothing is normalised", "é", '"e\u0301"'.encode(), differ
    )
    yield messages(
        "control-characters", "they are escaped", "\0\b\t\n\f\r\x1f", b'"\\u0000\\b\\t\\n\\f\\r\\u001f"'
    )
    yield messages("key-order", "the order of members is free", {"b": 1, "a": 2}, b'{"a": 2, "b": 1}')
    late, astral = "\ue000", "\U0001f600"
    yield messages(
        "key-order-by-utf-16",
        "a name beyond U+FFFF stands before U+E000",
        {late: 1, astral: 2},
        json.dumps({late: 1, astral: 2}).encode(),
    )
    yield messages("empty-name", "a name may be empty", {"": ""}, b'{"": ""}')
    deep = json.dumps([[[[[[[[{"a": [1.5]}]]]]]]]]).encode()
    yield messages("nested", "depth is no matter", json.loads(deep), deep)
    yield messages(
        "inexact-integer",
        "2^53 + 1 is no double",
        1,
        b"9007199254740993",
        "SchemaViolation:actual: inputs.messages[0]:",
    )


def texts() -> Iterator[Case]:
    """The same bundle in other bytes, and bytes that two readers would read differently."""
    bundle = signed()
    data = canonical(bundle)
    broken = ("SchemaViolation:bundle:",)
    yield case("text-indented", "a verifier parses; the signature covers the canonical bytes", pretty(bundle))
    yield case("text-seed-as-42.0", "42.0 is the integer 42", data.replace(b'"seed":42', b'"seed":42.0'))
    yield case("text-trailing-newline", "white space is free", data + b"\n")

    def attack(name: str, description: str, text: bytes, *errors: str) -> Case:
        return case(f"text-{name}", description, text, errors=errors or broken)

    twice = b'{"tolerance":{"level":"structural"},' + data[1:]
    yield attack(
        "member-twice",
        "which of the two counts, readers disagree",
        twice,
        "SchemaViolation:bundle: tolerance:",
    )
    escaped = twice.replace(b'"tolerance"', b'"\\u0074olerance"', 1)
    yield attack(
        "member-twice-by-escape", "the same, one name escaped", escaped, "SchemaViolation:bundle: tolerance:"
    )
    yield attack(
        "signature-twice",
        "the same with the signature",
        data.replace(b'"signature":', b'"signature":{},"signature":'),
        "SchemaViolation:bundle: signature:",
    )
    yield attack(
        "nan",
        "NaN is not JSON",
        data.replace(b"0.2", b"NaN"),
        "SchemaViolation:bundle: sampling.temperature:",
    )
    yield attack(
        "beyond-doubles",
        "1e400",
        data.replace(b"0.2", b"1e400"),
        "SchemaViolation:bundle: sampling.temperature:",
    )
    yield attack(
        "seed-beyond-2-to-the-53",
        "a reader of doubles would take it for another",
        data.replace(b'"seed":42', b'"seed":9007199254740993'),
        "SchemaViolation:bundle: sampling.seed:",
    )
    yield attack(
        "half-a-surrogate",
        "no UTF-8 has it",
        data.replace(b"fp_1", b"\\ud800"),
        "SchemaViolation:bundle: model.fingerprint:",
    )
    yield attack("byte-order-mark", "JSON has none", b"\xef\xbb\xbf" + data)
    yield attack("utf-16", "JSON is UTF-8", data.decode().encode("utf-16"))
    yield attack("not-utf-8", "a byte that is none", data.replace(b"fp_1", b"fp_\xff"))
    yield attack("nul-at-the-end", "a NUL is no white space", data + b"\0")
    yield attack("nul-inside", "nor may it stand in a string", data.replace(b"fp_1", b"fp_\0"))
    yield attack("cut-short", "half of the file", data[: len(data) // 2])
    yield attack("empty", "nothing", b"")
    yield attack("two-documents", "one bundle a file", data + data)
    yield attack("trailing-comma", "not JSON", data[:-1] + b",}")
    yield attack("single-quotes", "not JSON", data.replace(b'"', b"'"))
    yield attack("nested-beyond-reason", "5,000 arrays", b'{"model":' + b"[" * 5000 + b"]" * 5000 + b"}")
    record = ("SchemaViolation:actual:",)
    theirs = pretty(ACTUAL)
    doubled = theirs.replace(b'"inputs": {', b'"inputs": {"system_prompt": "",', 1)
    yield case(
        "text-record-member-twice",
        "the record too is read strictly",
        signed(),
        doubled,
        errors=("SchemaViolation:actual: inputs.system_prompt:",),
    )
    yield case("text-record-not-json", "cut short", signed(), theirs[:-9], errors=record)
    yield case("text-record-is-an-array", "not an object", signed(), b"[]", errors=record)
    yield case("text-bundle-is-null", "not an object", b"null", errors=broken)
    plain = changed(capture(STEP), drop("model.fingerprint"))
    yield case(
        "unsigned-without-optional-members",
        "the least that v0.1 takes",
        changed(plain, drop("sampling.seed")),
    )
