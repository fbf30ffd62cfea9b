"""`spantape attest`, `spantape prove`, and `spantape verify` with somebody to trust."""

import json

import pytest

from cli_tapes import make_runner, record_guide
from spantape.rerun.keys import PrivateKey, save_private_key, save_public_key
from spantape.tape.read import read_tape

ALICE, BOB = (PrivateKey(bytes([byte]) * 32) for byte in (1, 2))


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


_recorded_once = []


@pytest.fixture
def recorded(tmp_path):
    path = tmp_path / "guide.tape"
    if not _recorded_once:
        _recorded_once.append(record_guide(path).read_bytes())
    path.write_bytes(_recorded_once[0])
    return path


@pytest.fixture
def keys(tmp_path):
    """A folder with alice's and bob's keys, and one with alice's public key alone."""
    folder = tmp_path / "keys"
    (folder / "trusted").mkdir(parents=True)
    for name, key in (("alice", ALICE), ("bob", BOB)):
        save_private_key(key, folder / f"{name}.key")
        save_public_key(key.public, folder / f"{name}.pub")
    save_public_key(ALICE.public, folder / "trusted" / "alice.pub")
    return folder


@pytest.fixture
def attested(spantape, recorded, keys):
    assert spantape("attest", recorded, "--key", keys / "alice.key").code == 0
    return recorded


@pytest.fixture
def proof(spantape, attested, tmp_path):
    assert spantape("prove", attested, "--step", "2", "-o", tmp_path / "proof.json").code == 0
    return tmp_path / "proof.json"


def test_attesting_writes_a_file_beside_the_tape_and_says_so_on_stderr(spantape, recorded, keys):
    shown = spantape("attest", recorded, "--key", keys / "alice.key")
    assert (shown.code, shown.out) == (0, "")
    assert shown.err == f"{recorded}.att: 3 steps attested by {ALICE.id}\n"
    assert json.loads(recorded.with_name("guide.tape.att").read_text())["signatures"][0]["keyid"] == ALICE.id


def test_a_key_may_come_from_the_environment(spantape, recorded, keys, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", (keys / "alice.key").read_text())
    assert spantape("attest", recorded, "-k", "env:SIGNING_KEY").code == 0
    assert spantape("verify", recorded, "--trust", keys / "alice.pub").code == 0


def test_an_encrypted_key_is_opened_with_the_passphrase_of_the_environment(
    spantape, recorded, tmp_path, monkeypatch
):
    save_private_key(ALICE, tmp_path / "locked.pem", key_format="pem", passphrase="open sesame")
    refused = spantape("attest", recorded, "-k", tmp_path / "locked.pem")
    assert (refused.code, "the key is encrypted" in refused.err) == (2, True)
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "open sesame")
    assert spantape("attest", recorded, "-k", tmp_path / "locked.pem").code == 0


def test_an_encrypted_key_is_asked_for_at_a_terminal(spantape, recorded, tmp_path, monkeypatch):
    save_private_key(ALICE, tmp_path / "locked.pem", key_format="pem", passphrase="open sesame")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: "open sesame")
    assert spantape("attest", recorded, "-k", tmp_path / "locked.pem").code == 0


def test_an_attestation_that_is_there_is_replaced_by_force_only(spantape, attested, keys):
    kept = attested.with_name("guide.tape.att").read_bytes()
    refused = spantape("attest", attested, "--key", keys / "bob.key")
    assert (refused.code, "--force" in refused.err) == (1, True)
    assert attested.with_name("guide.tape.att").read_bytes() == kept
    assert spantape("attest", attested, "--key", keys / "bob.key", "--force").code == 0
    assert spantape("verify", attested, "--trust", keys / "bob.pub").code == 0


def test_two_keys_sign_one_statement(spantape, recorded, keys, tmp_path):
    output = tmp_path / "both.att"
    shown = spantape("attest", recorded, "-k", keys / "alice.key", "-k", keys / "bob.key", "-o", output)
    assert (shown.code, ALICE.id in shown.err, BOB.id in shown.err) == (0, True, True)
    shown = spantape("verify", recorded, "--attestation", output, "--trust", keys / "bob.pub")
    assert shown.code == 0
    assert f"not counted: signatures of no trusted key ('{ALICE.id}')" in shown.out


def test_another_party_signs_the_attestation_that_is_there(spantape, attested, keys):
    shown = spantape("attest", attested, "--key", keys / "bob.key", "--add")
    assert (shown.code, BOB.id in shown.err) == (0, True)
    told = spantape("verify", attested, "--trust", keys / "alice.pub", "--trust", keys / "bob.pub", "--json")
    assert [one["id"] for one in told.json()[0]["attestation"]["signers"]] == [ALICE.id, BOB.id]


def test_signing_what_is_stated_and_stating_it_anew_is_wrong_usage(spantape, attested, keys):
    assert spantape("attest", attested, "-k", keys / "bob.key", "--add", "--force").code == 2
    assert spantape("attest", attested, "-k", keys / "bob.key", "--add", "--fingerprint").code == 2


def test_there_is_nothing_to_add_to_without_an_attestation(spantape, recorded, keys):
    shown = spantape("attest", recorded, "--key", keys / "bob.key", "--add")
    assert (shown.code, "cannot be read" in shown.err) == (1, True)


def test_a_tape_that_does_not_verify_is_not_attested(spantape, recorded, keys):
    data = bytearray(recorded.read_bytes())
    data[len(data) // 2] ^= 1
    recorded.write_bytes(data)
    shown = spantape("attest", recorded, "--key", keys / "alice.key")
    assert (shown.code, "changed after it was sealed" in shown.err) == (1, True)
    assert not recorded.with_name("guide.tape.att").exists()


def test_the_fingerprint_is_stated_openly_on_request(spantape, recorded, keys):
    spantape("attest", recorded, "-k", keys / "alice.key", "--fingerprint")
    shown = spantape("verify", recorded, "--trust", keys / "alice.pub", "--json")
    fingerprint = shown.json()[0]["attestation"]["statement"]["predicate"]["fingerprint"]["plain"]
    assert fingerprint == read_tape(recorded).fingerprint


# --- verify ------------------------------------------------------------------------------------------------------


def test_a_tape_attested_by_a_trusted_key_is_0_and_names_who_vouches(spantape, attested, keys):
    shown = spantape("verify", attested, "--trust", keys / "trusted")
    assert shown.code == 0
    assert shown.out.startswith(f"ok  {attested}: sealed, 3 steps\n  trailer: ")
    for check in (
        "payloads",
        "attested",
        "subject",
        "fingerprint as attested",
        "steps as attested",
        "claims",
    ):
        assert f"\n  {check}: " in shown.out
    assert f"'{keys / 'trusted' / 'alice.pub'}' ({ALICE.id})" in shown.out


def test_json_has_the_signers_and_the_statement(spantape, attested, keys):
    (told,) = spantape("verify", attested, "--trust", keys / "alice.pub", "--json").json()
    assert told["ok"] is True
    assert told["checks"]["steps as attested"].startswith("3 in the tree of root ")
    assert told["attestation"]["signers"] == [{"id": ALICE.id, "name": "", "path": str(keys / "alice.pub")}]
    predicate = told["attestation"]["statement"]["predicate"]
    assert predicate["models"] == [{"provider": "openai", "requested": "gpt-4o", "answered": "gpt-4o"}]
    assert predicate["environment"]["process.runtime.name"] == "cpython"
    assert predicate["tape"]["runId"] == told["run_id"]


def test_nobody_is_asked_who_vouches_unless_told_to(spantape, attested):
    shown = spantape("verify", attested, "--json")
    assert (shown.code, shown.json()[0]["attestation"]) == (0, None)
    assert (
        f"not checked: {attested}.att is there; --trust KEY asks who vouches"
        in spantape("verify", attested).out
    )


@pytest.mark.parametrize("asked", [("--trust", "keys/bob.pub"), ("--attestation", "guide.tape.att")])
def test_without_a_trusted_key_it_is_1_and_signed_by_an_unknown_key(spantape, attested, asked, monkeypatch):
    monkeypatch.chdir(attested.parent)
    shown = spantape("verify", "guide.tape", *asked)
    assert (shown.code, shown.out) == (1, "")
    assert "signed by an unknown key" in shown.err


def test_a_tape_that_is_not_attested_is_1(spantape, recorded, keys):
    shown = spantape("verify", recorded, "--trust", keys / "alice.pub", "--json")
    assert shown.code == 1
    (told,) = shown.json()
    assert (told["ok"], told["step"], told["field"]) == (False, None, None)
    assert "the tape is not attested" in told["error"]


def test_a_tape_that_was_recorded_anew_is_1(spantape, attested, keys):
    record_guide(attested, question="Rain?")
    shown = spantape("verify", attested, "--trust", keys / "alice.pub")
    assert (shown.code, "is of run" in shown.err) == (1, True)


def test_every_file_is_verified_also_after_one_that_is_not_attested(spantape, attested, keys, tmp_path):
    other = record_guide(tmp_path / "other.tape")
    shown = spantape("verify", other, attested, "--trust", keys / "alice.pub", "--json")
    assert shown.code == 1
    assert [one["ok"] for one in shown.json()] == [False, True]


def test_one_attestation_for_two_tapes_is_wrong_usage(spantape, attested):
    shown = spantape("verify", attested, attested, "--attestation", f"{attested}.att")
    assert (shown.code, "--attestation is of one tape, got 2 files" in shown.err) == (2, True)


def test_a_trusted_key_that_is_not_there_is_wrong_usage(spantape, attested, tmp_path):
    shown = spantape("verify", attested, "--trust", tmp_path / "nobody.pub")
    assert (shown.code, "nobody.pub" in shown.err) == (2, True)


def test_an_attestation_alone_proves_nothing_and_says_what_to_do(spantape, attested, keys):
    shown = spantape("verify", f"{attested}.att", "--trust", keys / "alice.pub")
    assert (shown.code, shown.out) == (1, "")
    assert "vouches for a tape and proves nothing alone" in shown.err
    assert f"--attestation {attested}.att" in shown.err


# --- prove -------------------------------------------------------------------------------------------------------


def test_a_proof_verifies_alone(spantape, attested, proof, keys):
    attested.unlink()
    attested.with_name("guide.tape.att").unlink()
    shown = spantape("verify", proof, "--trust", keys / "alice.pub")
    assert shown.code == 0
    assert shown.out.startswith(f"ok  {proof}: POST http://127.0.0.1:")
    assert "/v1/chat/completions → 200\n  attested: " in shown.out
    assert "\n  step: 2 of 3 in the tree of root " in shown.out
    assert "each with its sha256" in shown.out


def test_a_proof_as_json_has_its_record(spantape, proof, keys):
    (told,) = spantape("verify", proof, "--trust", keys / "alice.pub", "--json").json()
    assert (told["ok"], told["step"], told["record"]["status"], told["error"]) == (True, 2, 200, None)
    assert told["attestation"]["signers"][0]["id"] == ALICE.id


def test_a_proof_without_a_trusted_key_is_1(spantape, proof, keys):
    for trust in ((), ("--trust", keys / "bob.pub")):
        shown = spantape("verify", proof, *trust)
        assert (shown.code, shown.out) == (1, "")
        assert "signed by an unknown key" in shown.err


def test_a_proof_that_was_changed_is_1_and_names_the_member(spantape, proof, keys):
    proof.write_text(proof.read_text().replace("Sunny", "Rainy"))
    (told,) = spantape("verify", proof, "--trust", keys / "alice.pub", "--json").json()
    assert (told["ok"], told["field"]) == (False, "content.response")


def test_a_proof_that_was_cut_is_still_known_for_one(spantape, proof, keys):
    proof.write_text(proof.read_text()[:-100])
    shown = spantape("verify", proof, "--trust", keys / "alice.pub")
    assert (shown.code, f"proof '{proof}': not the JSON text it should be" in shown.err) == (1, True)


def test_proofs_and_tapes_are_verified_together(spantape, attested, proof, keys):
    shown = spantape("verify", attested, proof, "--trust", keys / "alice.pub", "--json")
    assert (shown.code, [one["ok"] for one in shown.json()]) == (0, [True, True])


def test_a_proof_brings_its_attestation(spantape, attested, proof):
    shown = spantape("verify", proof, "--attestation", f"{attested}.att")
    assert (shown.code, "a proof carries its attestation" in shown.err) == (2, True)


def test_a_proof_goes_to_stdout_where_no_file_is_named(spantape, attested, proof):
    shown = spantape("prove", attested, "--step", "2")
    assert (shown.code, shown.out) == (0, proof.read_text())


@pytest.mark.parametrize("step", ["3", "-1", "two"])
def test_a_step_that_is_not_there_is_wrong_usage(spantape, attested, step):
    assert spantape("prove", attested, "--step", step).code == 2


def test_proving_needs_an_attestation(spantape, recorded):
    shown = spantape("prove", recorded, "--step", "0")
    assert (shown.code, "the tape is not attested" in shown.err) == (1, True)
