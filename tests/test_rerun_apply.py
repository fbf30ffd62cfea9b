"""A bundle's steps asked anew, over real sockets or of a tape, give records that verify; what cannot be asked says why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import corpus_exchanges
import rerun_calls
from cli_tapes import make_runner
from rerun_calls import CLAUDE_TOOL, EVERY, HISTORY, TOOL, chat, claude, responses
from rerun_calls import record as recorded
from spantape import rerun
from spantape.errors import EndpointError, NotVerified, SchemaViolation, UsageError
from spantape.rerun import Endpoint, PrivateKey, StepInputs, TrustPolicy, step_inputs, verify
from spantape.rerun.apply_embedder import embedder_for
from spantape.rerun.apply_endpoint import header_pairs
from spantape.rerun.apply_inputs import inputs_document
from spantape.rerun.wire import api_named
from spantape.semantic.embedders import HashedEmbedder
from spantape.tape.importing import import_tape
from spantape.testing import ExchangeServer, ModelServer, disconnect, error, raw, text, tool_call

KEY = PrivateKey.generate()
TRUST = TrustPolicy([KEY.public])
HI = {"system_prompt": "", "messages": [{"role": "user", "content": "Hi"}]}
CALL = tool_call("weather", {"city": "Oslo"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.tape"


def cut_one(path, call, script=None, **settings):
    (made,) = rerun.cut(recorded(path, call, script=script), key=KEY, **settings)
    return made


def inputs_of(made):
    return step_inputs(json.loads(json.dumps(inputs_document(made.call))))


def ask(server, made, inputs=None, **settings):
    family = "anthropic" if made.call.api.startswith("anthropic") else "openai"
    return rerun.apply(made.bundle, inputs or inputs_of(made), Endpoint(server.base_url(family)), **settings)


def bundle_of(inputs=HI, vendor="openai", **more):
    record = {
        "model": {"vendor": vendor, "id": "m"},
        "sampling": {"temperature": 0, "top_p": 1},
        "inputs": inputs,
        "runtime": {"class": "cloud"},
        "expected": {"transcript": "x"},
        "tolerance": {"level": "byte"},
    } | more
    return rerun.capture(record, KEY)


# --- asked of an endpoint ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_an_endpoint_that_answers_the_same_verifies(path, name):
    call = EVERY[name]
    with ModelServer() as server:
        made = cut_one(path, call)
        actual = ask(server, made)
        (request,) = server.requests
    verify(made.bundle, actual, TRUST)
    assert actual == made.actual
    assert "stream" not in request.json()


@pytest.mark.parametrize("name", EVERY)
def test_what_an_endpoint_is_sent_is_what_was_sent_before(path, name):
    seen = []
    with ModelServer(lambda request: seen.append(request)) as server:  # noqa: PLW0108 - append gives back None
        clients = rerun_calls.Clients(server)
        with rerun_calls.spantape.record(path):
            EVERY[name](clients)
        clients.close()
        (made,) = rerun.cut(rerun_calls.spantape.read_tape(path), key=KEY)
        ask(server, made)
    first, second = seen
    assert first.route == second.route
    dropped = dict(first.json())
    if name == "responses":
        dropped["input"] = [{"role": "user", "content": dropped["input"]}]
    assert second.json() == dropped


def test_another_answer_gives_a_record_that_does_not_verify(path):
    made = cut_one(path, chat, [text("Yes.")])
    with ModelServer([text("No.")]) as server:
        actual = ask(server, made)
    with pytest.raises(NotVerified, match="TranscriptHashMismatch"):
        verify(made.bundle, actual, TRUST)
    assert actual["output"]["transcript"][0]["parts"] == [{"type": "text", "content": "No."}]


@pytest.mark.parametrize("name", ["chat", "claude", "responses"])
def test_a_stream_with_tools_is_asked_anew_with_all_that_it_said(path, name):
    tools = {
        "chat": {"tools": [{"type": "function", "function": TOOL}], "tool_choice": "required"},
        "claude": {"tools": [CLAUDE_TOOL], "tool_choice": {"type": "any"}},
        "responses": {"tools": [{"type": "function", **TOOL}], "tool_choice": "required"},
    }[name]
    made = cut_one(
        path, lambda clients: EVERY[name](clients, stream=True, **tools), [CALL], tolerance="structural"
    )
    with ModelServer([text("I look. ") + CALL]) as server:
        actual = ask(server, made)
        (request,) = server.requests
    verify(made.bundle, actual, TRUST)
    assert request.json()["tools"] == tools["tools"]
    assert request.json()["tool_choice"] == tools["tool_choice"]


def test_meaning_is_measured_by_the_embedder_that_the_bundle_names(path):
    made = cut_one(
        path, chat, [text("The sky is blue today.")], tolerance="semantic:0.7", embedder=HashedEmbedder()
    )
    with ModelServer([text("The sky is blue today!"), CALL]) as server:
        near, none = ask(server, made), ask(server, made)
    verify(made.bundle, near, TRUST)
    with pytest.raises(NotVerified, match="MissingEmbedding"):
        verify(made.bundle, none, TRUST)


def test_embeddings_are_measured_by_themselves(path):
    made = cut_one(path, EVERY["embeddings"], tolerance="semantic:0.99")
    with ModelServer() as server:
        verify(made.bundle, ask(server, made), TRUST)


def test_a_fingerprint_that_drifted_is_a_warning(path):
    made = cut_one(path, chat, [text("Yes.")])
    answered = {"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}
    body = json.dumps({**answered, "system_fingerprint": "fp_new"})
    with ModelServer([raw(200, {"content-type": "application/json"}, body)]) as server:
        actual = ask(server, made)
    assert verify(made.bundle, actual, TRUST).warnings == (
        "FingerprintDrift:bundle=fp_spantape,actual=fp_new",
    )


def test_a_bundle_of_several_steps_is_asked_step_by_step(path):
    made = list(rerun.cut(recorded(path, *EVERY.values()), tolerance="byte"))
    steps = [one.record["steps"][0] if "steps" in one.record else one.record for one in made]
    bundle = rerun.capture({"steps": steps}, KEY)
    given = [one for each in made for one in inputs_of(each)]
    by_family = {"anthropic": [], "openai": []}
    for one, step in zip(given, steps, strict=True):
        by_family["anthropic" if one.api.startswith("anthropic") else "openai"].append((one, step))
    with ModelServer() as server:
        for family, pairs in by_family.items():
            part = rerun.capture({"steps": [step for _, step in pairs]}, KEY)
            actual = rerun.apply(part, [one for one, _ in pairs], Endpoint(server.base_url(family)))
            verify(part, actual, TRUST)
    with pytest.raises(UsageError, match="got inputs of 1 steps, expected those of the bundle's 5"):
        rerun.apply(bundle, given[0], Endpoint("http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("vendor", "api", "route"),
    [
        ("anthropic", None, "/v1/messages"),
        ("openai", None, "/v1/chat/completions"),
        ("mistral_ai", None, "/v1/chat/completions"),
        ("openai", "openai.responses", "/v1/responses"),
        ("openai", "openai.completions", "/v1/completions"),
    ],
)
def test_the_wire_api_is_the_vendors_unless_said(vendor, api, route):
    bundle = bundle_of(vendor=vendor, sampling={"temperature": 0, "top_p": 1, "max_tokens": 5})
    with ModelServer() as server:
        base = server.base_url("anthropic" if vendor == "anthropic" else "openai")
        rerun.apply(bundle, StepInputs(HI), Endpoint(base), api=api)
        assert [request.route for request in server.requests] == [route]


# --- where it goes and what with ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "api", "url"),
    [
        ("https://api.openai.com/v1", "openai.chat", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "openai.responses", "https://api.openai.com/v1/responses"),
        ("https://h/v1/chat/completions", "openai.chat", "https://h/v1/chat/completions"),
        ("https://api.anthropic.com", "anthropic.messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "anthropic.messages", "https://api.anthropic.com/v1/messages"),
        ("https://h/anthropic/v1/messages", "anthropic.messages", "https://h/anthropic/v1/messages"),
        ("https://h/models/claude:rawPredict", "anthropic.messages", "https://h/models/claude:rawPredict"),
        (
            "https://x.openai.azure.com/openai/deployments/d?api-version=1",
            "openai.chat",
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
        ),
    ],
)
def test_a_base_url_is_what_an_sdk_takes_or_the_whole(base, api, url):
    assert Endpoint(base).url(api_named(api)) == url


@pytest.mark.parametrize(
    "base", ["", "api.openai.com", "ftp://h/v1", "file:///etc/passwd", "http://", "http://[x"]
)
def test_a_base_url_that_is_none_is_refused(base):
    with pytest.raises(UsageError, match="base URL"):
        Endpoint(base).url(api_named("openai.chat"))


def sent(bundle, inputs, **settings):
    with ModelServer() as server:
        family = "anthropic" if bundle["model"]["vendor"] == "anthropic" else "openai"
        rerun.apply(bundle, inputs, Endpoint(server.base_url(family), **settings))
        (request,) = server.requests
    return request.headers


def test_a_key_goes_into_the_header_that_the_api_wants_and_only_where_given():
    claude_bundle = bundle_of(vendor="anthropic", sampling={"temperature": 0, "top_p": 1, "max_tokens": 5})
    assert "authorization" not in dict(sent(bundle_of(), StepInputs(HI)))
    assert dict(sent(bundle_of(), StepInputs(HI), api_key="k-1"))["authorization"] == "Bearer k-1"
    headers = dict(sent(claude_bundle, StepInputs(HI), api_key="k-1"))
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("k-1", "2023-06-01")
    assert "authorization" not in headers


def test_headers_that_are_given_win():
    inputs = StepInputs(HI, headers={"openai-beta": "assistants=v2"})
    headers = dict(sent(bundle_of(), inputs, headers=(("authorization", "Basic x"),), api_key="k"))
    assert headers["authorization"] == "Basic x"
    assert headers["openai-beta"] == "assistants=v2"
    assert header_pairs(["X-Title: a: b "]) == (("x-title", "a: b"),)
    for wrong in ("no colon", ": x", "a: b\r\nc: d", "a: ü"):
        with pytest.raises(UsageError, match="got header"):
            header_pairs([wrong])


def test_a_beta_that_was_asked_for_is_asked_for_again(path):
    made = cut_one(
        path, lambda clients: claude(clients, extra_headers={"anthropic-beta": "files-api-2025-04-14"})
    )
    assert inputs_document(made.call)["headers"]["anthropic-beta"] == "files-api-2025-04-14"
    with ModelServer() as server:
        ask(server, made)
        assert dict(server.requests[0].headers)["anthropic-beta"] == "files-api-2025-04-14"


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "given", "member"),
    [
        (HI, {**HI, "system_prompt": "x"}, "system_prompt_sha256"),
        (HI, {**HI, "messages": []}, "messages_sha256"),
        (HI, {**HI, "tools": []}, "tools_sha256"),
        ({**HI, "tools": []}, HI, "tools_sha256"),
        ({**HI, "tools": []}, {**HI, "tools": [1]}, "tools_sha256"),
    ],
)
def test_other_inputs_than_the_bundles_are_not_asked(stated, given, member):
    with ModelServer() as server:
        with pytest.raises(NotVerified, match=f"InputHashMismatch:{member}"):
            rerun.apply(bundle_of(stated), StepInputs(given), Endpoint(server.base_url("openai")))
        assert server.requests == []


@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        (error(401, message="No such key"), 401, "got status 401, expected an answer: .*No such key"),
        (error(503), 503, "got status 503"),
        (raw(404, body="nothing\nhere"), 404, "got status 404, expected an answer: nothing\nhere"),
        (
            raw(302, {"location": "http://127.0.0.1:9/"}),
            302,
            r"got status 302, expected an answer: \(no body\)",
        ),
        (raw(200, body="<html>"), 200, "was answered without a message"),
        (raw(200, body='{"error": {"message": "Broken"}}'), 200, "was answered with an error"),
        (raw(500, body="x" * 5000), 500, "x" * 2000 + "…"),
        (disconnect(), None, "no answer"),
    ],
)
def test_an_endpoint_that_refuses_is_told_with_status_and_body(script, status, says):
    with ModelServer([script]) as server, pytest.raises(EndpointError, match=f"(?s){says}") as caught:
        rerun.apply(bundle_of(), StepInputs(HI), Endpoint(server.base_url("openai")))
    assert caught.value.status == status


def test_an_endpoint_that_is_not_there_is_told_without_its_secrets():
    endpoint = Endpoint("http://user:hunter2@127.0.0.1:9/v1?key=hunter3", api_key="hunter4", timeout_s=5)
    with pytest.raises(
        EndpointError, match=r"POST http://127.0.0.1:9/v1/chat/completions: no answer"
    ) as caught:
        rerun.apply(bundle_of(), StepInputs(HI), endpoint)
    assert "hunter" not in str(caught.value) + repr(endpoint)
    assert caught.value.status is None


def test_an_embedder_that_is_not_here_is_told_before_anything_is_asked(path):
    made = cut_one(path, chat, [text("Hi.")], tolerance="semantic", embedder=HashedEmbedder())
    step = made.record["steps"][0]
    step["expected"]["embedder"] = {"id": "acme/embed-1"}
    bundle = rerun.capture(made.record, KEY)
    with ModelServer() as server:
        with pytest.raises(
            UsageError, match=r"the bundle's embedding is of acme/embed-1, and here there is only"
        ):
            rerun.apply(bundle, inputs_of(made), Endpoint(server.base_url("openai")))
        assert server.requests == []


def test_an_embedder_that_is_given_must_be_the_bundles():
    hashed = HashedEmbedder()
    named = {"embedder": {"id": hashed.id, "digest": f"sha256:{hashed.digest}"}}
    assert embedder_for(named).id == hashed.id
    assert embedder_for(named, hashed) is hashed
    assert embedder_for({}, hashed) is hashed
    with pytest.raises(UsageError, match="000000000000…\\), and here there is only"):
        embedder_for({"embedder": {"id": hashed.id, "digest": "sha256:" + "0" * 64}}, hashed)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "Expected `object`, got `array`"),
        ({}, r"missing required field `system_prompt`"),
        (
            {"inputs": {"system_prompt": 1, "messages": []}},
            r"Expected `str`, got `int` - at `\$\.inputs\.system_prompt`",
        ),
        ({"inputs": {"system_prompt": "", "messages": [], "tool": []}}, "unknown field `tool`"),
        ({"inputs": HI, "api": 1}, "Expected `str"),
        ({"inputs": HI, "options": []}, "Expected `object`"),
        ({"steps": [{"inputs": HI}, {}]}, r"steps\[1\]"),
    ],
)
def test_a_document_that_holds_no_inputs_is_refused(document, says):
    with pytest.raises(SchemaViolation, match=says):
        step_inputs(document)


def test_records_hold_inputs_too():
    record = {"inputs": HI, "output": {"transcript": 1}, "runtime": {"fingerprint": "x"}}
    for document in (HI, {"inputs": HI}, record, {"steps": [record]}):
        assert step_inputs(document) == [StepInputs(HI)]


# --- asked of a tape ---------------------------------------------------------------------------------------------


def test_a_tape_answers_what_it_has_recorded_however_it_travelled(path, tmp_path):
    made = list(rerun.cut(recorded(path, *EVERY.values()), key=KEY))
    streams = [
        (lambda clients, call=call: call(clients, stream=True)) for call in rerun_calls.STREAMED.values()
    ]
    other = recorded(tmp_path / "other.tape", *streams, EVERY["embeddings"])
    for one in made:
        verify(one.bundle, rerun.apply(one.bundle, inputs_of(one), other), TRUST)


def test_a_tape_answers_equal_calls_in_order_each_once(path, tmp_path):
    made = cut_one(path, chat, [text("A")])
    tape = recorded(tmp_path / "two.tape", chat, chat, script=[text("A"), text("B")])
    bundle = rerun.capture({"steps": [{**made.record, "expected": {"transcript": None}}] * 2}, KEY)
    actual = rerun.apply(bundle, inputs_of(made) * 2, tape)
    said = [step["output"]["transcript"][0]["parts"][0]["content"] for step in actual["steps"]]
    assert said == ["A", "B"]
    bundle = rerun.capture({"steps": [{**made.record, "expected": {"transcript": None}}] * 3}, KEY)
    with pytest.raises(EndpointError, match="is answered already"):
        rerun.apply(bundle, inputs_of(made) * 3, tape)


def test_a_tape_without_the_call_says_what_differs(path, tmp_path):
    made = cut_one(path, chat)
    other = recorded(
        tmp_path / "other.tape",
        lambda clients: chat(clients, temperature=0.1),
        lambda clients: chat(clients, model="gpt-9", messages=HISTORY[1:]),
        claude,
        responses,
    )
    with pytest.raises(EndpointError, match="asks this of 'gpt-4o'; compared with 4 calls") as caught:
        rerun.apply(made.bundle, inputs_of(made), other)
    assert "\n  one differs in temperature\n" in str(caught.value)
    assert "differs in model, system_prompt" in str(caught.value)


def test_a_tape_skips_the_attempts_that_failed(path, tmp_path):
    made = cut_one(path, chat, [text("Yes.")])

    def with_retries(clients):
        again = clients.openai.with_options(max_retries=2)
        again.chat.completions.create(
            model="gpt-4o", messages=HISTORY, seed=7, max_tokens=50, **rerun_calls.SAMPLED
        )

    script = [error(429, headers={"retry-after-ms": "1"}), text("Yes.")]
    tape = recorded(tmp_path / "retried.tape", with_retries, script=script)
    assert len(tape.steps) == 2
    verify(made.bundle, rerun.apply(made.bundle, inputs_of(made), tape), TRUST)


def test_options_that_are_given_count_on_a_tape(path, tmp_path):
    made = cut_one(path, lambda clients: chat(clients, tool_choice="none"))
    tape = recorded(tmp_path / "plain.tape", chat)
    (given,) = inputs_of(made)
    with pytest.raises(EndpointError, match="differs in options"):
        rerun.apply(made.bundle, given, tape)
    rerun.apply(made.bundle, replace(given, options={}), tape)


@pytest.mark.corpus
@pytest.mark.skipif(
    not corpus_exchanges.CORPUS.is_dir(), reason="the shared corpus is not beside the project"
)
def test_recorded_traffic_is_asked_anew_and_verifies(tmp_path, record_property):
    count = 0
    for index, file in enumerate(corpus_exchanges.files()):
        tape = import_tape([file], tmp_path / f"{index}.tape")
        made = list(rerun.cut(tape, key=KEY))
        if made:
            _, bundle, _ = whole = rerun.together(made, KEY)
            inputs = step_inputs(whole.inputs)
            with ExchangeServer([tape.steps[one.step].exchange() for one in made], match="order") as server:
                verify(bundle, rerun.apply(bundle, inputs, Endpoint(f"{server.url}/v1")), TRUST)
            verify(bundle, rerun.apply(bundle, inputs, tape), TRUST)
        count += len(made)
    record_property("corpus_counts", {"rerun: asked anew of an endpoint, and of a tape": count})
    assert count > 450


# --- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys):
    return make_runner(capsys)


@pytest.fixture
def evidence(command, tmp_path):
    """A tape and what `cut` makes of it."""
    recorded(tmp_path / "run.tape", chat, claude)
    assert command("rerun", "cut", tmp_path / "run.tape", "-o", tmp_path).code == 0
    return tmp_path


def test_the_command_asks_an_endpoint_and_its_record_verifies(command, evidence, monkeypatch):
    monkeypatch.setenv("ANY_KEY", "k-1")
    with ModelServer() as server:
        for step, family in enumerate(("openai", "anthropic")):
            name = evidence / f"run-step-000{step}"
            ran = command(
                "rerun", "apply", f"{name}.rr", "--inputs", f"{name}.inputs.json",
                "--base-url", server.base_url(family), "--api-key-env", "ANY_KEY", "--header", "x-title: t",
                "-o", f"{name}.again.json",
            )  # fmt: skip
            assert (ran.code, ran.out) == (0, "")
            assert command("rerun", "verify", f"{name}.rr", f"{name}.again.json").code == 0
        assert [dict(request.headers)["x-title"] for request in server.requests] == ["t", "t"]


def test_the_command_asks_a_tape_and_prints(command, evidence):
    name = evidence / "run-step-0000"
    ran = command(
        "rerun", "apply", f"{name}.rr", "--inputs", f"{name}.actual.json", "--tape", evidence / "run.tape"
    )
    assert ran.code == 0
    assert ran.json() == json.loads((evidence / "run-step-0000.actual.json").read_bytes())


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--base-url", "http://h/v1", "--tape", "run.tape"),
        ("--tape", "run.tape", "--header", "a: b"),
        ("--tape", "run.tape", "--api-key-env", "NOT_SET"),
        ("--base-url", "http://h/v1", "--api-key-env", "NOT_SET"),
        ("--base-url", "http://h/v1", "--header", "nothing"),
        ("--base-url", "http://h/v1", "--timeout", "0"),
        ("--base-url", "h"),
        ("--base-url", "http://h/v1", "--api", "gemini"),
    ],
)
def test_wrong_usage_of_the_command_is_2(command, evidence, wrong):
    name = evidence / "run-step-0000"
    ran = command("rerun", "apply", f"{name}.rr", "--inputs", f"{name}.inputs.json", *wrong)
    assert (ran.code, ran.out) == (2, "")


def test_the_command_fails_with_the_endpoints_words(command, evidence):
    name = evidence / "run-step-0000"
    with ModelServer([error(429, message="Slow down")]) as server:
        at = ("--base-url", server.base_url("openai"))
        ran = command("rerun", "apply", f"{name}.rr", "--inputs", f"{name}.inputs.json", *at)
        assert ran.code == 1
        assert "got status 429" in ran.err
        assert "Slow down" in ran.err
        swapped = evidence / "swapped.json"
        swapped.write_text(json.dumps({"system_prompt": "Be brief.", "messages": []}))
        other = command("rerun", "apply", f"{name}.rr", "--inputs", swapped, *at)
        assert other.code == 1
        assert "InputHashMismatch:messages_sha256" in other.err
