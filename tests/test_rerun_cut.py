"""Bundles cut from tapes verify what the tapes answer and nothing else; steps that cannot be cut are named."""

from __future__ import annotations

import json
import shutil

import click
import pytest

import corpus_exchanges
import spantape
from cli_tapes import line, make_runner, write_lines
from rerun_calls import EVERY, HISTORY, SAMPLED, STREAMED, chat, claude, embeddings, responses
from rerun_calls import record as recorded
from spantape import cli, rerun
from spantape.errors import (
    BadSignature,
    NotCut,
    NotVerified,
    SchemaViolation,
    TapeError,
    UnknownKey,
    UsageError,
)
from spantape.rerun import PrivateKey, TrustPolicy, check, sha256_of, to_bytes, verify
from spantape.rerun.cut_files import name_of
from spantape.rerun.cut_runtime import runtimes_of
from spantape.rerun.cut_tolerance import RerunTolerance, tolerances_of
from spantape.rerun.embedding import decode_embedding
from spantape.semantic.embedders import HashedEmbedder
from spantape.tape.importing import import_tape
from spantape.testing import embedding, error, text, tool_call
from spantape.tolerance.calls import CallPolicy

KEY = PrivateKey.generate()
TRUST = TrustPolicy([KEY.public])
CALL = tool_call("weather", {"city": "Oslo"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.tape"


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """A tape with one call of each wire API."""
    return recorded(tmp_path_factory.mktemp("every") / "run.tape", *EVERY.values())


def cut_one(path, call, script=None, **settings):
    tape = recorded(path, call, script=script)
    (made,) = rerun.cut(tape, key=KEY, **settings)
    return made


def proven(made, actual=None):
    return verify(to_bytes(made.bundle), actual or made.actual, TRUST)


# --- what is cut -------------------------------------------------------------------------------------------------


def test_every_wire_api_gives_bundles_that_verify_what_the_tape_answers(every):
    made = list(rerun.cut(every, key=KEY))
    assert [one.call.api for one in made] == [
        "openai.chat",
        "openai.responses",
        "openai.completions",
        "anthropic.messages",
        "openai.embeddings",
    ]
    assert [proven(one).signer for one in made] == [KEY.public] * 5
    assert [one.step for one in made] == [0, 1, 2, 3, 4]


def test_a_cut_is_record_bundle_and_actual(every):
    for record, bundle, actual in rerun.cut(every, key=KEY):
        assert rerun.capture(record, KEY) == bundle
        verify(bundle, actual, TRUST)


def test_a_bundle_holds_hashes_and_no_content(path):
    made = cut_one(path, chat, [text("The answer is forty-two.")])
    assert made.bundle["model"] == {"vendor": "openai", "id": "gpt-4o", "fingerprint": "fp_spantape"}
    assert made.bundle["sampling"] == {**SAMPLED, "seed": 7, "max_tokens": 50}
    assert made.bundle["runtime"] == {"class": "cloud"}
    assert made.bundle["tolerance"] == {"level": "byte"}
    assert made.bundle["inputs"] == {
        "system_prompt_sha256": sha256_of("Be brief."),
        "messages_sha256": sha256_of(HISTORY[1:]),
    }
    assert made.bundle["expected"] == {"transcript_sha256": sha256_of(made.actual["output"]["transcript"])}
    assert b"forty-two" not in to_bytes(made.bundle)
    assert made.actual["runtime"] == {"fingerprint": "fp_spantape"}


def test_a_request_with_temperature_and_top_p_is_v01_and_any_other_is_extended(path):
    tape = recorded(
        path,
        chat,
        lambda clients: chat(clients, temperature=None),
        lambda clients: chat(clients, stop=["x"]),
        lambda clients: clients.openai.chat.completions.create(
            model="o5", messages=HISTORY, reasoning_effort="low"
        ),
    )
    made = list(rerun.cut(tape, key=KEY))
    assert [(one.version, one.beyond_v01) for one in made] == [
        ("0.1", ()),
        ("0.1+spantape.1", ("no temperature",)),
        ("0.1+spantape.1", ("stop",)),
        ("0.1+spantape.1", ("no temperature", "no top_p", "reasoning_effort")),
    ]
    assert [one.bundle["steps"][0]["sampling"] for one in made[1:]] == [
        {"top_p": 0.9, "seed": 7, "max_tokens": 50},
        {**SAMPLED, "seed": 7, "max_tokens": 50, "stop": ["x"]},
        {"reasoning_effort": "low"},
    ]
    for one in made:
        proven(one)


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_verifies_what_was_not_streamed(path, name):
    call, script = STREAMED[name], [text("Hello there."), text("Hello there.")]
    tape = recorded(path, call, lambda clients: call(clients, stream=True), script=script)
    plain, streamed = rerun.cut(tape, key=KEY)
    assert plain.bundle == streamed.bundle
    proven(plain, streamed.actual)


def test_another_answer_or_another_question_does_not_verify(path):
    other = [{"role": "user", "content": "Ho"}]
    tape = recorded(
        path,
        chat,
        chat,
        lambda clients: chat(clients, messages=other),
        script=[text("Yes."), text("No."), text("Yes.")],
    )
    one, answered, asked = rerun.cut(tape, key=KEY)
    with pytest.raises(NotVerified, match="TranscriptHashMismatch"):
        proven(one, answered.actual)
    with pytest.raises(NotVerified, match="InputHashMismatch:messages_sha256"):
        proven(one, asked.actual)


def test_without_a_key_a_bundle_is_not_signed_and_with_another_it_is_not_trusted(every):
    unsigned = next(rerun.cut(every))
    assert "signature" not in unsigned.bundle
    assert verify(unsigned.bundle, unsigned.actual).signer is None
    stranger = next(rerun.cut(every, key=PrivateKey.generate()))
    with pytest.raises(UnknownKey):
        proven(stranger)


def test_an_edited_bundle_is_found_out(every):
    for one in rerun.cut(every, key=KEY):
        step = one.bundle["steps"][0] if "steps" in one.bundle else one.bundle
        step["model"]["id"] = "gpt-1"
        with pytest.raises(BadSignature):
            proven(one)


# --- tolerances --------------------------------------------------------------------------------------------------


def test_semantic_bundles_hold_the_texts_embedding_and_its_embedder(path):
    embedder = HashedEmbedder()
    made = cut_one(path, chat, [text("It rains in Oslo.")], tolerance="semantic:0.8", embedder=embedder)
    (step,), (actual,) = made.bundle["steps"], made.actual["steps"]
    assert step["tolerance"] == {"level": "semantic", "threshold": 0.8}
    assert step["expected"]["embedder"] == {"id": embedder.id, "digest": f"sha256:{embedder.digest}"}
    expected = embedder.embed(["It rains in Oslo."])[0]
    assert decode_embedding(step["expected"]["semantic_embedding"]).tolist() == expected.tolist()
    assert actual["output"]["embedding"] == step["expected"]["semantic_embedding"]
    proven(made)


class Fixed:
    """An embedder that knows three texts."""

    def __init__(self, name):
        self.id, self.digest = name, ""
        self._known = {"Same.": [1.0, 0.0], "Near.": [0.9, 0.1], "Far.": [0.0, 1.0]}

    def embed(self, texts):
        import numpy as np

        return np.array([self._known[one] for one in texts], dtype=np.float32)


def test_an_answer_near_enough_verifies_and_one_too_far_does_not(path):
    script = [text("Same."), text("Near."), text("Far.")]
    minilm = Fixed("sentence-transformers/all-MiniLM-L6-v2")
    same, near, far = rerun.cut(
        recorded(path, chat, chat, chat, script=script), key=KEY, tolerance="semantic:0.9", embedder=minilm
    )
    assert same.version == "0.1"  # what v0.1 means by an embedding
    proven(same, near.actual)
    with pytest.raises(NotVerified, match=r"SemanticBelowThreshold:.*cosine=0\.0000,threshold=0\.9"):
        proven(same, far.actual)


def test_structural_bundles_hold_the_calls_of_tools_and_none_of_the_words(path):
    script = [
        text("Let me see. ") + CALL,
        CALL,
        tool_call("weather", {"city": "Bergen"}),
        text("I do not know."),
    ]
    tape = recorded(path, chat, chat, chat, chat, script=script)
    one, quiet, other, none = rerun.cut(tape, key=KEY, tolerance="structural")
    assert one.bundle["steps"][0]["tolerance"]["calls"] == {"order": "parallel", "arguments": "digest"}
    assert b"Oslo" not in to_bytes(one.bundle)
    proven(one, quiet.actual)
    for wrong in (other, none):
        with pytest.raises(NotVerified, match="CallMismatch"):
            proven(one, wrong.actual)
    proven(none)


def test_a_structural_policy_may_look_at_shapes_alone(path):
    script = [CALL, tool_call("weather", {"city": "Bergen"}), tool_call("weather", {"city": 7})]
    tape = recorded(path, chat, chat, chat, script=script)
    one, other, wrong = rerun.cut(tape, key=KEY, tolerance="structural:any:shape")
    proven(one, other.actual)
    assert not check(one.bundle, wrong.actual, TRUST).verified


def test_embeddings_are_compared_by_the_vectors_themselves(path):
    vectors = [embedding([1.0, 0.0], [0.0, 1.0]), embedding([0.0, 1.0], [1.0, 0.0])]
    answers = iter([vectors[0], vectors[0], vectors[1]])
    tape = recorded(path, embeddings, embeddings, embeddings, script=lambda request: next(answers))
    one, same, swapped = rerun.cut(tape, key=KEY, tolerance="semantic")
    assert one.bundle["steps"][0]["expected"]["embedder"] == {"id": "openai/text-embedding-3-small"}
    proven(one, same.actual)
    with pytest.raises(NotVerified, match="SemanticBelowThreshold"):
        proven(one, swapped.actual)


def test_vectors_without_a_direction_are_compared_byte_for_byte_alone(path):
    tape = recorded(path, embeddings, script=lambda request: embedding([0.0, 0.0], [0.0, -0.0]))
    with pytest.raises(NotCut, match="a vector of zeros has no direction"):
        list(rerun.cut(tape, steps=[0], tolerance="semantic"))
    (made,) = rerun.cut(tape, key=KEY, tolerance="semantic,byte")
    proven(made)


def test_of_several_tolerances_the_first_that_fits_counts(path):
    tape = recorded(path, chat, chat, embeddings, script=[text("Hi."), CALL])
    made = rerun.cut(tape, key=KEY, tolerance="semantic:0.7, structural", embedder=HashedEmbedder())
    levels = [one.bundle["steps"][0]["tolerance"]["level"] for one in made]
    assert levels == ["semantic", "structural", "semantic"]


def test_an_answer_that_a_tolerance_cannot_compare_is_named(path):
    tape = recorded(path, chat, embeddings, script=[CALL])
    left = []
    assert not list(rerun.cut(tape, steps=None, tolerance="semantic", skipped=left.append))[1:]
    assert [(one.step, one.why) for one in left] == [(0, "unfit")]
    assert "no text that could be compared by meaning" in left[0].reason
    with pytest.raises(NotCut, match="step 1: embeddings call no tools"):
        list(rerun.cut(tape, steps=[1], tolerance="structural"))


POLICY = """
version = 1
tolerance = "byte"
[calls]
order = "any"
arguments = "shape"
[steps."POST /v1/embeddings"]
tolerance = "semantic:0.5"
[steps.0]
tolerance = "structural"
"""


def test_a_policy_sets_the_tolerance_of_each_step(every, tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)

    def stated(**settings):
        cut = rerun.cut(every.path, policy=tmp_path / "policy.toml", **settings)
        return [(one.bundle["steps"][0] if "steps" in one.bundle else one.bundle)["tolerance"] for one in cut]

    structural = {"level": "structural", "calls": {"order": "any", "arguments": "shape"}}
    semantic, byte = {"level": "semantic", "threshold": 0.5}, {"level": "byte"}
    assert stated() == [structural, byte, byte, byte, semantic]
    exact = {"level": "structural", "calls": {"order": "exact", "arguments": "digest"}}
    assert stated(tolerance="structural:exact") == [structural, exact, exact, exact, semantic]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("byte", [RerunTolerance()]),
        ("semantic", [RerunTolerance("semantic", 0.9)]),
        ("semantic:0.5,byte", [RerunTolerance("semantic", 0.5), RerunTolerance()]),
        ("structural", [RerunTolerance("structural")]),
        ("structural:exact", [RerunTolerance("structural", calls=CallPolicy("exact"))]),
        ("structural:ignored:any", [RerunTolerance("structural", calls=CallPolicy("any", "ignored"))]),
        (RerunTolerance("semantic", -0.5), [RerunTolerance("semantic", -0.5)]),
    ],
)
def test_tolerances_are_said_in_a_word(given, expected):
    assert list(tolerances_of(given)) == expected
    assert [RerunTolerance.of_member(one.member()) for one in expected] == expected


@pytest.mark.parametrize(
    "given",
    ["", "bytes", "semantic:2", "semantic:nan", "byte:1", "structural:any:exact", "structural:0.9", "byte,"],
)
def test_a_word_that_says_no_tolerance_is_refused(given):
    with pytest.raises(UsageError, match="got tolerance"):
        tolerances_of(given)
    with pytest.raises(UsageError):
        tolerances_of([])
    with pytest.raises(UsageError, match="threshold"):
        RerunTolerance("semantic", 1.5)


# --- several steps in one bundle ---------------------------------------------------------------------------------


def test_a_whole_run_is_one_bundle_under_one_signature(every):
    steps = list(rerun.cut(every, key=KEY, tolerance="semantic:0.9"))
    record, bundle, actual = whole = rerun.together(steps, KEY)
    verify(bundle, actual, TRUST)
    assert rerun.capture(record, KEY) == bundle
    assert [step["id"] for step in bundle["steps"]] == [f"step-{index}" for index in range(5)]
    assert [one.inputs for one in rerun.step_inputs(whole.inputs)] == [one.call.inputs for one in steps]
    actual["steps"].pop(2)
    with pytest.raises(NotVerified, match="StepCountMismatch"):
        verify(bundle, actual, TRUST)


def test_a_bundle_of_no_step_or_of_one_twice_is_none(every):
    with pytest.raises(UsageError, match="got no step"):
        rerun.together([])
    with pytest.raises(SchemaViolation, match="id"):
        rerun.together(list(rerun.cut(every, steps=[1])) * 2)


def test_the_command_makes_one_bundle_of_all(command, every, key, tmp_path):
    ran = command("rerun", "cut", every.path, "-k", key, "-o", tmp_path / "out", "--together")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'out' / 'run.rr'}\n")
    bundle = tmp_path / "out" / "run.rr"
    assert (
        command("rerun", "verify", bundle, bundle.with_suffix(".actual.json"), "--trust", f"{key}.pub").code
        == 0
    )
    inputs = bundle.with_suffix(".inputs.json")
    again = command("rerun", "apply", bundle, "--inputs", inputs, "--tape", every.path)
    assert again.code == 0
    again_path = tmp_path / "again.json"
    again_path.write_text(again.out)
    assert command("rerun", "verify", bundle, again_path, "--trust", f"{key}.pub").code == 0


# --- settings ----------------------------------------------------------------------------------------------------


def test_a_known_local_host_has_its_own_runtime(path):
    tape = recorded(path, chat)
    place = tape.steps[0].url.split("/")[2]
    for runtime, expected in (
        ("local-vllm", "local-vllm"),
        ({place: "local-vllm"}, "local-vllm"),
        ({"127.0.0.1": "local-transformers"}, "local-transformers"),
        ({"elsewhere": "local-vllm"}, "cloud"),
    ):
        (made,) = rerun.cut(tape, runtime=runtime)
        assert made.bundle["runtime"]["class"] == expected
    (made,) = rerun.cut(tape, runtime="local")
    assert made.beyond_v01 == ("runtime local",)


def test_runtimes_are_said_in_words():
    assert runtimes_of(()) == "cloud"
    assert runtimes_of(["local-vllm"]) == "local-vllm"
    assert runtimes_of(["LocalHost:8000=local-vllm", "[::1]=local"]) == {
        "localhost:8000": "local-vllm",
        "[::1]": "local",
    }
    for wrong in (["mars"], ["a=mars"], ["cloud", "a=local"], ["cloud", "local"]):
        with pytest.raises(UsageError, match="got"):
            runtimes_of(wrong)
    with pytest.raises(UsageError, match="got runtime 'mars'"):
        rerun.Cutter(runtime="mars")


def test_steps_are_chosen_by_index_and_refused_by_name(every):
    assert [made.step for made in rerun.cut(every, steps=[3, 1, 1])] == [1, 3]
    with pytest.raises(UsageError, match="has no step 9: it has 5, from 0 on"):
        rerun.cut(every, steps=[9])


def test_redacted_steps_are_cut_where_that_is_asked_for(path):
    secret = [{"role": "user", "content": "Mail ada.byron@analytical-engine.org"}]
    tape = recorded(path, lambda clients: chat(clients, messages=secret), chat)
    left = []
    (made,) = rerun.cut(tape, skipped=left.append)
    assert (made.step, left[0].step, left[0].why) == (1, 0, "lost")
    both = list(rerun.cut(tape, redacted=True, key=KEY))
    assert both[0].actual["inputs"]["messages"] == [{"role": "user", "content": "Mail __email_1__"}]
    proven(both[0])


def test_an_imported_tape_is_cut_like_a_recorded_one(tmp_path):
    answered = {
        "response_body": '{"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}'
    }
    lines = [
        line(**answered),
        line(status=500),
        line(**answered, url="https://example.com/other", request_body="x"),
    ]
    tape = import_tape([write_lines(tmp_path / "a.jsonl", *lines)], tmp_path / "a.tape")
    left = []
    (made,) = rerun.cut(tape, key=KEY, skipped=left.append)
    proven(made)
    assert [one.why for one in left] == ["failed", "other"]


@pytest.mark.parametrize("number", ["12345678901234567890", "9007199254740993", "1e400"])
def test_what_has_no_canonical_form_is_not_cut(tmp_path, number):
    body = '{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":' + number + "}"
    answered = (
        '{"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}'
    )
    lines = write_lines(tmp_path / "a.jsonl", line(request_body=body, response_body=answered))
    (left,) = not_cut(import_tape([lines], tmp_path / "a.tape"))
    assert left.why == "lost"
    assert "canonical" in left.reason


def test_an_answer_without_a_canonical_form_is_not_cut(tmp_path):
    call = '{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"n\\":12345678901234567891}"}}'
    answered = f'{{"choices": [{{"message": {{"role": "assistant", "tool_calls": [{call}]}}}}]}}'
    lines = write_lines(tmp_path / "a.jsonl", line(response_body=answered))
    (left,) = not_cut(import_tape([lines], tmp_path / "a.tape"))
    assert (left.why, left.step) == ("lost", 0)
    assert left.field.startswith("steps[0].expected.transcript")


def not_cut(tape):
    left = []
    assert list(rerun.cut(tape, skipped=left.append)) == []
    return left


# --- files and the command ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tape", "name"),
    [
        ("runs/run.tape", "run-step-0003"),
        ("my run (2).tape", "my-run-2-step-0003"),
        ("..tape", "run-step-0003"),
        ("../..", "run-step-0003"),
        ("\u202egnp.exe\n;rm -rf.tape", "gnp.exe-rm--rf-step-0003"),
        ("x" * 300, "x" * 80 + "-step-0003"),
        (None, "run-step-0003"),
    ],
)
def test_names_of_files_are_safe_whatever_the_tape_is_called(tape, name):
    assert name_of(tape, 3) == name


@pytest.fixture
def command(capsys):
    return make_runner(capsys)


@pytest.fixture
def key(tmp_path):
    rerun.save_private_key(KEY, tmp_path / "signing.key")
    rerun.save_public_key(KEY.public, tmp_path / "signing.key.pub")
    return tmp_path / "signing.key"


def test_the_command_writes_bundles_that_the_verify_command_believes(command, every, key, tmp_path):
    ran = command("rerun", "cut", every.path, "-k", key, "-o", tmp_path / "evidence")
    assert ran.code == 0
    bundles = ran.out.splitlines()
    assert bundles == [str(tmp_path / "evidence" / f"run-step-000{step}.rr") for step in range(5)]
    assert "step 4: version 0.1+spantape.1, not 0.1 (no temperature, no top_p)" in ran.err
    assert f"5 bundles, signed by {KEY.id}" in ran.err
    for bundle in bundles:
        actual = bundle.removesuffix(".rr") + ".actual.json"
        verified = command("rerun", "verify", bundle, actual, "--trust", f"{key}.pub")
        assert (verified.code, verified.json()["verified"]) == (0, True)
    assert len(list((tmp_path / "evidence").iterdir())) == 15


@pytest.mark.parametrize("name", ["cut", "apply"])
def test_a_command_has_help_with_an_example_and_says_what_each_option_does(command, name):
    shown = command("rerun", name, "--help")
    assert shown.code == 0
    assert f"Example: spantape rerun {name}" in shown.out
    options = cli.cli.commands["rerun"].commands[name].params
    assert all(option.help for option in options if isinstance(option, click.Option))


def test_the_command_names_what_it_leaves_out(command, path, tmp_path):
    @spantape.tool
    def lookup():
        return 1

    def failing(clients):
        lookup()
        with pytest.raises(Exception, match="429"):
            chat(clients)

    recorded(path, failing, chat, script=[error(429), text("Hi.")])
    ran = command("rerun", "cut", path, "-o", tmp_path, "--json")
    assert ran.code == 0
    assert [(one["steps"], one["version"]) for one in ran.json()["bundles"]] == [([2], "0.1")]
    assert [(one["step"], one["why"]) for one in ran.json()["skipped"]] == [(0, "other"), (1, "failed")]
    assert f"spantape: tape '{path}', step 1: was answered with status 429" in ran.err
    refused = command("rerun", "cut", path, "-o", tmp_path, "--step", 1)
    assert (refused.code, refused.out) == (1, "")
    assert "step 1: was answered with status 429" in refused.err


def test_the_command_says_where_the_inputs_are_not_all(command, path, tmp_path):
    recorded(path, lambda clients: responses(clients, previous_response_id="resp_1"), responses)
    for more in ((), ("--together",)):
        ran = command("rerun", "cut", path, "-o", tmp_path, *more)
        assert ran.code == 0
        assert "step 0: goes on with what the provider keeps (previous_response_id)" in ran.err
        assert "step 1: goes on" not in ran.err


def test_the_command_fails_where_a_call_is_lost_or_there_is_none(command, path, tmp_path):
    secret = [{"role": "user", "content": "Mail ada.byron@analytical-engine.org"}]
    recorded(path, lambda clients: chat(clients, messages=secret), claude, responses)
    ran = command("rerun", "cut", path, "-o", tmp_path)
    assert (ran.code, len(ran.out.splitlines())) == (1, 2)
    assert "__email_1__ stands for what was really said" in ran.err
    assert command("rerun", "cut", path, "-o", tmp_path, "--redacted").code == 0
    unfit = command(
        "rerun", "cut", path, "-o", tmp_path, "--step", 1, "--step", 2, "--tolerance", "structural"
    )
    assert unfit.code == 0
    path.unlink()
    recorded(path)
    nothing = command("rerun", "cut", path, "-o", tmp_path)
    assert (nothing.code, nothing.out) == (1, "")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--tolerance", "exact"),
        ("--runtime", "mars"),
        ("--step", "7"),
        ("--step", "x"),
        ("-k", "nowhere.key"),
        ("--policy", "nowhere.toml"),
    ],
)
def test_wrong_usage_of_the_command_is_2(command, every, tmp_path, wrong):
    ran = command("rerun", "cut", every.path, "-o", tmp_path / "out", *wrong)
    assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_written_is_named(command, every, tmp_path):
    (tmp_path / "file").write_text("")
    ran = command("rerun", "cut", every.path, "-o", tmp_path / "file" / "sub")
    assert ran.code == 1
    assert "cannot be written" in ran.err


def test_a_damaged_tape_gives_no_bundle(command, every, tmp_path):
    for at in (10, 200, -5):
        broken = tmp_path / "broken.tape"
        shutil.copy(every.path, broken)
        data = bytearray(broken.read_bytes())
        data[at] ^= 0xFF
        broken.write_bytes(data)
        with pytest.raises(TapeError):
            list(rerun.cut(spantape.read_tape(broken)))
        assert command("rerun", "cut", broken, "-o", tmp_path / "out").code == 1
    assert not (tmp_path / "out").exists()


def test_files_are_replaced_whole(command, every, tmp_path):
    first = command("rerun", "cut", every.path, "-o", tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert command("rerun", "cut", every.path, "-o", tmp_path).out == first.out
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    assert json.loads((tmp_path / "run-step-0000.inputs.json").read_bytes())["api"] == "openai.chat"


@pytest.mark.corpus
@pytest.mark.skipif(
    not corpus_exchanges.CORPUS.is_dir(), reason="the shared corpus is not beside the project"
)
def test_recorded_traffic_is_cut_and_verifies(tmp_path, record_property):
    counts = {"steps": 0, "bundles": 0, "other": 0, "failed": 0, "lost": 0, "unfit": 0}
    for index, file in enumerate(corpus_exchanges.files()):
        tape = import_tape([file], tmp_path / f"{index}.tape")
        left = []
        for made in rerun.cut(tape, key=KEY, skipped=left.append):
            proven(made)
            counts["bundles"] += 1
        counts["steps"] += len(tape.steps)
        for one in left:
            counts[one.why] += 1
    record_property("corpus_counts", {f"rerun: {name}": count for name, count in counts.items()})
    assert counts["bundles"] > 450
    # two requests that the recorder lost, two stored prompts, one body with a trailing comma
    assert (counts["lost"], counts["unfit"]) == (5, 0)
    assert counts["steps"] == sum(counts.values()) - counts["steps"]
