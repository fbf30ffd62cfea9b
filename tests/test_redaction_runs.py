"""One run: numbers, placeholders that are already there, headers, URLs, learned credentials, threads."""

from __future__ import annotations

import base64
import json
import threading

import pytest

from spantape._spans.redaction import KEEP_REQUEST_HEADERS, KEEP_RESPONSE_HEADERS, Redactor


def test_the_same_secret_has_the_same_placeholder_and_distinct_ones_stay_distinct():
    redactor = Redactor()
    assert redactor.text("a@x.com b@x.com a@x.com") == "__email_1__ __email_2__ __email_1__"
    assert redactor.text("b@x.com A@x.com") == "__email_2__ __email_3__"


def test_each_kind_counts_for_itself():
    assert Redactor().text("a@x.com 123-45-6789 b@x.com") == "__email_1__ __ssn_1__ __email_2__"


def test_runs_do_not_know_each_other():
    assert Redactor().text("a@x.com") == Redactor().text("b@x.com") == "__email_1__"


def test_a_placeholder_that_a_text_brings_along_keeps_its_number():
    redactor = Redactor()
    assert redactor.text("a@x.com is not __email_1__") == "__email_2__ is not __email_1__"
    assert redactor.text("b@x.com __email_7__") == "__email_3__ __email_7__"
    assert (
        redactor.text("c@x.com d@x.com e@x.com f@x.com") == "__email_4__ __email_5__ __email_6__ __email_8__"
    )


def test_observed_numbers_are_taken():
    redactor = Redactor()
    assert redactor.observe(b'{"to": "__email_1__, __api_key_2__"}')
    assert not redactor.observe("__init__ and __email_0__")
    assert redactor.text("a@x.com") == "__email_2__"


def test_a_placeholder_ends_a_secret_beside_it():
    redactor = Redactor()
    assert redactor.text("__email_1__@x.com") == "__email_1__@x.com"
    assert redactor.text("__email_1__bob@x.com") == "__email_1____email_2__"
    assert (
        redactor.text('"api_key": "__api_key_1__" Bearer __api_key_2__')
        == '"api_key": "__api_key_1__" Bearer __api_key_2__'
    )


def test_the_program_may_send_on_what_it_was_answered():
    recording, replay = Redactor(), Redactor()
    answers = ['{"contact": "alice@example.com"}', '{"contact": "bob@example.com"}']
    asked = "who is {}? tell carol@example.com"
    for answer in answers:
        on_tape = recording.body(answer.encode())
        replay.observe(on_tape)
        live, replayed = json.loads(answer)["contact"], json.loads(on_tape)["contact"]
        assert recording.text(asked.format(live)) == replay.text(asked.format(replayed))


def test_counts_say_what_was_replaced_since():
    redactor = Redactor()
    redactor.text("a@x.com")
    before = dict(redactor.counts)
    assert redactor.since(before) == ()
    redactor.text("a@x.com b@x.com 123-45-6789")
    assert redactor.since(before) == ("email:2", "ssn:1")
    assert redactor.since({}) == ("email:3", "ssn:1")


def test_literals_of_the_user_are_replaced_in_every_written_form():
    redactor = Redactor(literals=['Project "Übermut"', ""])
    text = 'about Project "Übermut"!'
    assert redactor.text(text) == "about __secret_1__!"
    for data in (json.dumps(text), json.dumps(text, ensure_ascii=False), json.dumps(json.dumps(text))):
        clean = redactor.body(data.encode())
        assert b"bermut" not in clean
        assert b"__secret_1__" in clean
    assert redactor.url("https://x.y/?q=Project%20%22%C3%9Cbermut%22") == "https://x.y/?q=__secret_1__"


# --- headers -----------------------------------------------------------------------------------------------------


def test_only_listed_request_headers_are_kept():
    sent = (
        ("content-type", "application/json"),
        ("authorization", "Bearer abc"),
        ("x-api-key", "abc"),
        ("x-goog-api-key", "abc"),
        ("cookie", "a=b"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj_1"),
        ("anthropic-version", "2023-06-01"),
        ("user-agent", "app (ops@example.com)"),
        ("x-custom", "abc"),
    )
    assert Redactor().headers(sent, response=False) == (
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("user-agent", "app (__email_1__)"),
    )


def test_response_headers_keep_what_debugging_and_retries_need():
    got = (
        ("retry-after-ms", "20"),
        ("x-ratelimit-limit-requests", "100"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
        ("set-cookie", "a=b"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj_1"),
        ("anthropic-organization-id", "x"),
        ("x-ms-client-request-id", "1"),
        ("x-amzn-requestid", "1"),
        ("x-request-id", "req_1"),
        ("location", "https://x.y/z?sig=abc123&v=1"),
        ("authorization", "x"),
        ("x-ms-authorization-token", "x"),
    )
    kept = dict(Redactor().headers(got, response=True))
    assert kept["location"] == "https://x.y/z?sig=__api_key_1__&v=1"
    assert set(kept) == {
        "retry-after-ms",
        "x-ratelimit-limit-requests",
        "anthropic-ratelimit-tokens-reset",
        "x-ms-client-request-id",
        "x-amzn-requestid",
        "x-request-id",
        "location",
    }


def test_no_listed_header_carries_a_credential():
    for name in KEEP_REQUEST_HEADERS | KEEP_RESPONSE_HEADERS:
        assert not any(
            word in name for word in ("auth", "cookie", "key", "token-", "organization", "project")
        )


# --- URLs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["key", "api_key", "apikey", "token", "access_token", "sig", "signature", "X-Amz-Signature"]
)
def test_the_values_of_secret_query_parameters_are_replaced(name):
    redactor = Redactor()
    assert (
        redactor.url(f"https://h.com/v1?alt=sse&{name}=ab%2Fc#f")
        == f"https://h.com/v1?alt=sse&{name}=__api_key_1__#f"
    )
    assert redactor.url(f"https://h.com/v1?{name}=__api_key_1__") == f"https://h.com/v1?{name}=__api_key_1__"
    assert redactor.url(f"https://h.com/v1?{name}=") == f"https://h.com/v1?{name}="


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/chat/completions",
        "https://h.com/v1/models?page_token=abcdefgh&limit=2",
        "http://localhost:8000/v1?alt=sse",
        "/relative?x=1",
        "",
        "https://[::1]:80/x?a=b=c&&d",
    ],
)
def test_other_urls_are_given_back_themselves(url):
    redactor = Redactor()
    assert redactor.url(url) == url
    assert redactor.url(url) is url


def test_userinfo_and_addresses_in_a_url_are_replaced():
    redactor = Redactor()
    url = "https://user:pa%3Ass@h.com/u/alice%40example.com?to=alice@example.com"
    assert redactor.url(url) == "https://__credentials_1__@h.com/u/__email_1__?to=__email_1__"
    assert redactor.url("https://t0ken@h.com/") == "https://__credentials_2__@h.com/"


def test_a_url_is_looked_at_again_when_a_secret_was_learned():
    redactor = Redactor()
    url = "https://h.com/hook/s3cret-value"
    assert redactor.url(url) is url
    redactor.learn((("authorization", "Bearer s3cret-value"),))
    assert redactor.url(url) == "https://h.com/hook/__api_key_1__"


# --- credentials of the requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        (("authorization", "Bearer my-own-key-1"), "my-own-key-1"),
        (("authorization", "my-own-key-1"), "my-own-key-1"),
        (("authorization", "Basic " + base64.b64encode(b"me:pass-w0rd").decode()), "pass-w0rd"),
        (("x-api-key", "my-own-key-1"), "my-own-key-1"),
        (("api-key", "0123456789abcdef"), "0123456789abcdef"),
        (("x-goog-api-key", "my-own-key-1"), "my-own-key-1"),
        (("ocp-apim-subscription-key", "my-own-key-1"), "my-own-key-1"),
        (("helicone-auth", "Bearer my-own-key-1"), "my-own-key-1"),
        (("cookie", "a=b; sid=abc123def456"), "abc123def456"),
    ],
)
def test_credentials_of_a_request_are_found_in_bodies_and_urls(header, secret):
    redactor = Redactor()
    redactor.learn((header,))
    assert redactor.text(f"<{secret}>") == "<__api_key_1__>"
    assert redactor.body(json.dumps({"echo": f"x{secret}y"}).encode()) == b'{"echo": "x__api_key_1__y"}'
    assert redactor.url(f"https://h.com/{secret}/x") == "https://h.com/__api_key_1__/x"


@pytest.mark.parametrize(
    "value", ["EMPTY", "anything", "not-needed", "no-key-required", "Placeholder", "xxxxxxxxxxxx", "short"]
)
def test_a_stand_in_for_a_key_is_not_looked_for(value):
    redactor = Redactor()
    redactor.learn((("authorization", f"Bearer {value}"), ("x-api-key", value)))
    assert redactor.text(f"{value} goes") == f"{value} goes"


def test_headers_without_credentials_teach_nothing():
    redactor = Redactor()
    redactor.learn(
        (
            ("content-type", "application/json"),
            ("user-agent", "OpenAI/Python 3.5"),
            ("x-request-id", "req_12345678"),
        )
    )
    assert redactor.text("application/json req_12345678") == "application/json req_12345678"


# --- threads -----------------------------------------------------------------------------------------------------


def test_threads_give_one_secret_one_placeholder():
    redactor = Redactor()
    secrets = [f"user{number}@example.com" for number in range(50)]
    seen: list[dict[str, str]] = []

    def work(order):
        seen.append({one: redactor.text(one) for one in order})

    threads = [
        threading.Thread(target=work, args=(secrets[start:] + secrets[:start],)) for start in range(0, 50, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == seen[0] for one in seen)
    assert sorted(seen[0].values()) == sorted(f"__email_{number}__" for number in range(1, 51))
    assert redactor.counts == {"email": 50 * len(threads)}


def test_a_text_with_a_nul_is_a_text():
    assert Redactor().text("a@example.com\0b") == "__email_1__\0b"
