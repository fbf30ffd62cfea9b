"""`spantape rerun`: yes, no, and wrongly used; the result of v0.1 on stdout."""

import json
import stat
from pathlib import Path

import pytest

from cli_tapes import make_runner
from rerun_documents import ACTUAL, KEY, OTHER, STEP, STEPS, edited, without
from spantape.rerun import capture, read_bundle, save_private_key, save_public_key, sign, to_bytes

PASSED = {"verified": True, "errors": [], "warnings": []}


@pytest.fixture
def spantape(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPANTAPE_KEY_PASSPHRASE", raising=False)
    Path("step.json").write_text(json.dumps(STEP, indent=2))
    Path("actual.json").write_text(json.dumps(ACTUAL, indent=2))
    save_private_key(KEY, "me.key")
    save_public_key(KEY.public, "me.pub")
    save_public_key(OTHER.public, "you.pub", key_format="openssh", comment="you")
    return make_runner(capsys)


def bundle_file(bundle, name="b.rr"):
    Path(name).write_bytes(bundle if isinstance(bundle, bytes) else to_bytes(bundle))
    return name


# --- capture -----------------------------------------------------------------------------------------------------


def test_a_step_is_captured_and_signed(spantape):
    shown = spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "me.key")
    assert (shown.code, shown.out) == (0, "")
    assert f"b.rr: signed by {KEY.id}" in shown.err
    assert Path("b.rr").read_bytes() == to_bytes(capture(STEP, KEY))


def test_a_step_is_captured_unsigned_and_says_so(spantape):
    shown = spantape("rerun", "capture", "step.json", "-o", "b.rr")
    assert (shown.code, shown.err) == (0, "b.rr: not signed\n")
    assert read_bundle("b.rr") == capture(STEP)


def test_several_steps_are_captured(spantape):
    Path("steps.json").write_text(json.dumps(STEPS))
    assert spantape("rerun", "capture", "steps.json", "-o", "b.rr", "-k", "me.key").code == 0
    assert read_bundle("b.rr") == capture(STEPS, KEY)


def test_a_key_may_come_from_the_environment_and_be_encrypted(spantape, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", KEY.to_text("pem", "secret"))
    refused = spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "env:SIGNING_KEY")
    assert refused.code == 2
    assert "the key is encrypted" in refused.err
    assert not Path("b.rr").exists()
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "secret")
    assert spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "env:SIGNING_KEY").code == 0
    assert read_bundle("b.rr") == capture(STEP, KEY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(without(STEP, "model")), "step, model: missing"),
        ('{"a": 1, "a": 2}', "step 'bad.json', a: stands twice"),
        ("{", "step 'bad.json', line 1 column 2: not JSON"),
    ],
)
def test_a_step_that_is_none_is_1_and_names_the_member(spantape, text, says):
    Path("bad.json").write_text(text)
    shown = spantape("rerun", "capture", "bad.json", "-o", "b.rr")
    assert (shown.code, shown.out) == (1, "")
    assert says in shown.err
    assert not Path("b.rr").exists()


# --- verify ------------------------------------------------------------------------------------------------------


def test_a_replay_passes_and_the_result_is_v01s(spantape):
    shown = spantape("rerun", "verify", bundle_file(capture(STEP, KEY)), "actual.json")
    assert (shown.code, shown.json(), shown.err) == (0, PASSED, "")
    line = spantape("rerun", "verify", "b.rr", "actual.json", "--json")
    assert (line.code, line.json(), line.out.count("\n")) == (0, PASSED, 1)


@pytest.mark.parametrize(
    ("bundle", "options", "error"),
    [
        (edited(capture(STEP, KEY), ("sampling", "seed"), 8), (), "BadSignature:"),
        (capture(STEP), ("--trust", "me.pub"), "Unsigned:"),
        (capture(STEP), ("--require-signature",), "Unsigned:"),
        (sign(capture(STEP), OTHER), ("--trust", "me.pub"), "UnknownKey:"),
        (b'{"rerun_version":"0.1","rerun_version":"0.1"}', (), "SchemaViolation:bundle: rerun_version: "),
        (b"", (), "SchemaViolation:bundle: line 1 column 1: "),
        (b"\xff\0", (), "SchemaViolation:bundle: not UTF-8"),
        (b"[" * 100_000, (), "SchemaViolation:bundle: nested too deeply"),
    ],
)
def test_what_does_not_hold_is_1_with_the_result_on_stdout(spantape, bundle, options, error):
    shown = spantape("rerun", "verify", bundle_file(bundle), "actual.json", *options)
    assert shown.code == 1
    assert shown.json()["verified"] is False
    assert shown.json()["errors"][0].startswith(error)


def test_trust_is_files_and_directories(spantape):
    bundle_file(capture(STEP, KEY))
    Path("trusted").mkdir()
    save_public_key(KEY.public, "trusted/me.json", key_format="rerun")
    for options in (
        ("--trust", "trusted"),
        ("--trust", "you.pub", "--trust", "me.pub"),
        ("--trust", "me.key"),
    ):
        assert spantape("rerun", "verify", "b.rr", "actual.json", *options).code == 0
    assert spantape("rerun", "verify", "b.rr", "actual.json", "--trust", "you.pub").code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "no.rr", "actual.json"), "'no.rr' does not exist"),
        (("verify", "actual.json"), "Missing argument 'ACTUAL'"),
        (("verify", "actual.json", "actual.json", "--trust", "no.pub"), "key 'no.pub': cannot be read"),
        (("verify", "actual.json", "actual.json", "--trust", "empty"), "the directory holds no key"),
        (("capture", "step.json"), "Missing option '-o'"),
        (("capture", "step.json", "-o", "b.rr", "--key", "step.json"), "no member 'privateKey'"),
        (("keygen", "-o", "me.key"), "me.key exists; --force replaces it"),
        (("keygen", "-o", "you"), "you.pub exists; --force replaces it"),
        (("keygen", "-o", "new", "--encrypt"), "cannot be encrypted; choose pem or openssh"),
        (("keygen", "-o", "no/new"), "cannot be written"),
        (("keygen", "-o", "new", "--format", "der"), "'der' is not one of"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(spantape, monkeypatch, arguments, says):
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "x")
    Path("empty").mkdir()
    shown = spantape("rerun", *arguments)
    assert (shown.code, shown.out) == (2, "")
    assert says in " ".join(shown.err.split())
    assert not Path("b.rr").exists()


# --- keygen ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_format", ["rerun", "pem", "openssh", "raw"])
def test_a_new_key_signs_what_its_public_half_verifies(spantape, key_format):
    made = spantape("rerun", "keygen", "-o", "new.key", "--format", key_format)
    assert made.code == 0
    assert stat.S_IMODE(Path("new.key").stat().st_mode) == 0o600
    assert spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "new.key").code == 0
    shown = spantape("rerun", "verify", "b.rr", "actual.json", "--trust", "new.key.pub")
    assert (shown.code, shown.json()) == (0, PASSED)
    assert made.out.startswith("sha256:")


@pytest.mark.parametrize("key_format", ["pem", "openssh"])
def test_a_new_key_may_be_encrypted(spantape, monkeypatch, key_format):
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "secret")
    assert spantape("rerun", "keygen", "-o", "new.key", "--format", key_format, "--encrypt").code == 0
    assert spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "new.key").code == 0
    monkeypatch.delenv("SPANTAPE_KEY_PASSPHRASE")
    assert spantape("rerun", "capture", "step.json", "-o", "b.rr", "--key", "new.key").code == 2


def test_a_key_is_replaced_when_asked(spantape):
    first = spantape("rerun", "keygen", "-o", "new.key").out
    refused = spantape("rerun", "keygen", "-o", "new.key")
    replaced = spantape("rerun", "keygen", "-o", "new.key", "--force")
    assert (refused.code, replaced.code) == (2, 0)
    assert replaced.out != first
