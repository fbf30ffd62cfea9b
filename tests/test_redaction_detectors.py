"""Each detector finds its secrets and leaves alone what only looks like one."""

from __future__ import annotations

import base64
import re

import pytest

from spantape._spans.detectors import DEFAULT_DETECTORS, Detector, iban, luhn
from spantape._spans.redaction import Redactor

RANDOM = "Zk3vQ9xR2mT7bW1nY5pL8cD4fG6hJ0sA"

KEYS = [
    "sk-" + RANDOM,
    "sk-proj-" + RANDOM + "_x-" + RANDOM,
    "sk-ant-api03-" + RANDOM,
    "sk-or-v1-" + "0123456789abcdef" * 4,
    "AI" + "za" + (RANDOM * 2)[:35],
    "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "AS" + "IA" + "IOSFODNN7EXAMPLE",
    "ghp" + "_" + (RANDOM * 2)[:36],
    "github" + "_pat_" + RANDOM,
    "glpat" + "-" + RANDOM,
    "xoxb" + "-123456789012-" + RANDOM,
    "sk" + "_live_" + RANDOM,
    "hf" + "_" + (RANDOM * 2)[:34],
    "gsk" + "_" + RANDOM,
    "xai" + "-" + RANDOM,
    "r8" + "_" + (RANDOM * 2)[:37],
    "tvly" + "-" + RANDOM,
    "pplx" + "-" + RANDOM,
    "npm" + "_" + (RANDOM * 2)[:36],
    "pypi" + "-" + RANDOM * 2,
]
TOKEN = ".".join(("eyJ" + RANDOM, "eyJ" + RANDOM, RANDOM))
BASIC = base64.b64encode(b"user:passw0rd").decode()
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow" + RANDOM + "\n" + RANDOM + "==\n-----END RSA PRIVATE KEY-----"

HITS = [
    *[("api_key", key, f"use {key}, please") for key in KEYS],
    *[("api_key", key, f'"{key}"') for key in KEYS],
    ("email", "alice@example.com", "write to alice@example.com."),
    ("email", "alice.b-c+tag@mail.example.co.uk", "<alice.b-c+tag@mail.example.co.uk>"),
    ("email", "jörg@exämple.de", "jörg@exämple.de"),
    ("email", "a@b.company", "a@b.company"),
    ("jwt", TOKEN, f"token={TOKEN}&x"),
    ("api_key", RANDOM, f"Authorization: Bearer {RANDOM}"),
    ("credentials", BASIC, f"Authorization: Basic {BASIC}"),
    ("credentials", "user:p4ss", "postgres://user:p4ss@db.example.com/x"),
    ("private_key", PEM, f"key:\n{PEM}\nend"),
    ("api_key", "abcdef123456", '{"api_key": "abcdef123456"}'),
    ("api_key", "abcdef123456", "OPENAI_API_KEY=abcdef123456"),
    ("api_key", "wJalrXUtnFEMI/K7MDENG/bPxRfi", '"aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfi"'),
    ("api_key", "abc123def456", '{"clientSecret":"abc123def456"}'),
    ("password", "hunter22", '{"password":"hunter22"}'),
    ("password", "hunter22", "DB_PASSWORD='hunter22'"),
    ("api_key", "Ab1Cd2Ef3", "https://blob.example.com/x.png?se=2026&sig=Ab1Cd2Ef3&v=1"),
    ("credit_card", "4111111111111111", "card 4111111111111111."),
    ("credit_card", "4111 1111 1111 1111", "card 4111 1111 1111 1111, thanks"),
    ("credit_card", "5555-5555-5555-4444", "card 5555-5555-5555-4444"),
    ("credit_card", "378282246310005", "amex 378282246310005"),
    ("credit_card", "3782 822463 10005", "amex 3782 822463 10005"),
    ("ssn", "123-45-6789", "SSN 123-45-6789"),
    ("iban", "DE89370400440532013000", "IBAN DE89370400440532013000"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32 PLEASE"),
]

MISSES = [
    "chatcmpl-BYxQ1k2l3m4n5o6p7q8r9s0t1u2v",
    "resp_68a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "msg_01XFDUDYJgAACzvnptvVoYEL toolu_01A09q90qw90lq917835lq9 call_abc123DEF456ghi789",
    "9f1c7a52-3b1e-4c0d-8a77-5e2f6b9d0c31",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 8).decode(),
    "req_011CQ4dPqK8b1b3mT9xYzABC fp_44709d6fcb",
    '{"obfuscation":"aK3nV9xQ2","p":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP0123"}',
    "@property\n@app.route('/x')\n@scope/package@1.2.3",
    "git@github.com:org/repo.git",
    "dependencies are carried via@agent.tool, set@area.setter",
    "user@host, logo@2x.png, x@w.transpose(0, 1), x@np.linalg.norm(y)",
    "lodash@4.17.21 image@sha256:abcdef",
    "sk-learn-style-estimators-and-transformers",
    "task-force-of-the-risk-management-group disk-usage-of-the-system",
    "sk-...your-key",
    '"api_key": "<your api key>"',
    '"api_key": "${OPENAI_API_KEY}"',
    '{"api_key": {"type": "string"}, "password": {"type": "string"}}',
    "api_key=os.environ['OPENAI_API_KEY']",
    "api_key = get_key2(name)",
    "max_tokens=1024, completion_tokens: 1234567890",
    '{"token":" Horizonte","next_page_token":"CAUQAA12345678"}',
    "password: str = Field(...)",
    "Bearer authentication-is-used-everywhere",
    "Basic understanding of physics",
    "https://api.example.com/v1/x?alt=sse&model=a@b",
    "1753879648527 1753879648527123456 2130706431",
    "4111111111111112",
    "id 94111111111111111 x4111111111111111 0.4111111111111111 4111111111111111.5",
    "4111-1111-1111-1111-1111",
    "000-12-3456 666-12-3456 912-34-5678 123-00-4567 123-45-0000 2123-45-6789 123-45-67890",
    "2024-05-0112 555-1234 tel +1-123-45-6789",
    "DE89370400440532013001",
    "MAX_LENGTH OF 1024 AND THE REST OF IT IN CAPITALS",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg\n-----END PUBLIC KEY-----",
]


@pytest.mark.parametrize(("kind", "secret", "text"), HITS)
def test_a_secret_is_replaced_and_nothing_else(kind, secret, text):
    assert Redactor().text(text) == text.replace(secret, f"__{kind}_1__")


@pytest.mark.parametrize("text", MISSES)
def test_what_only_looks_like_a_secret_stays(text):
    redactor = Redactor()
    assert redactor.text(text) is text
    data = text.encode()
    assert redactor.body(data) is data
    assert redactor.counts == {}


@pytest.mark.parametrize("kind", ["", "Email", "a__b", "a1", "_a"])
def test_a_kind_that_no_placeholder_could_carry_is_refused(kind):
    with pytest.raises(ValueError, match="lower-case words"):
        Detector(kind, (), re.compile(b"x"))


def test_users_bring_their_own_detectors():
    ticket = Detector("ticket", (b"TCK-",), re.compile(rb"TCK-[0-9]{4}"))
    redactor = Redactor([*DEFAULT_DETECTORS, ticket])
    assert redactor.text("TCK-1234 of a@example.com, TCK-12") == "__ticket_1__ of __email_1__, TCK-12"


def test_a_detector_without_hints_always_runs():
    assert Redactor([Detector("x", (), re.compile(b"[0-9]+"))]).text("a 12") == "a __x_1__"


def test_hints_are_case_sensitive():
    shy = Detector("shy", (b"Secret:",), re.compile(rb"(?i)secret:[a-z]+"))
    assert Redactor([shy]).text("secret:abc") == "secret:abc"
    assert Redactor([shy]).text("Secret:abc") == "__shy_1__"


@pytest.mark.parametrize("hint", [b"q", b"ab", b"sk-", b"-----BEGIN", b"J_x", b"Key=", b"\\u0040"])
@pytest.mark.parametrize("length", [0, 50, 5000])
def test_every_hint_is_seen_wherever_it_stands(hint, length):
    found = Detector("x", (hint, b"%%never%%"), re.compile(re.escape(hint)))
    padding = b"-_ qKJ=\\tabs%" * (length // 13)
    for data in (hint, padding + hint, hint + padding, padding + hint + padding):
        assert [one.kind for one in Redactor([found]).candidates(data)[0]] == ["x"]


def test_luhn_and_iban_agree_with_their_published_examples():
    assert luhn(b"79927398713")
    assert not luhn(b"79927398710")
    assert iban(b"GB82 WEST 1234 5698 7654 32")
    assert not iban(b"GB82 WEST 1234 5698 7654 33")


@pytest.mark.parametrize("between", [" ", ", ", "\n"])
@pytest.mark.parametrize("card", ["4111 1111 1111 1111", "4111111111111111", "4111-1111-1111-1111"])
def test_two_card_numbers_side_by_side_are_both_replaced(card, between):
    assert Redactor().text(f"{card}{between}{card}") == f"__credit_card_1__{between}__credit_card_1__"
