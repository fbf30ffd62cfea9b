"""Keys come back from every form that they are written in, and what is no key of ours says what it is."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519

from spantape.errors import BadSignature, KeyFileError
from spantape.rerun import keys
from spantape.rerun.keys import (
    PrivateKey,
    PublicKey,
    TrustedKey,
    load_private_key,
    load_public_key,
    load_trust,
    save_private_key,
    save_public_key,
)

KEY = PrivateKey(bytes(range(32)))
OTHER = PrivateKey(bytes(range(1, 33)))
FORMATS = ("rerun", "pem", "openssh", "raw")
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
SPKI, PLAIN = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.NoEncryption()


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch):
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)


@pytest.fixture
def written(tmp_path):
    def write(text, name="a.key"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def foreign(private):
    return private.private_bytes(PEM, PKCS8, PLAIN)


# --- values ------------------------------------------------------------------------------------------------------


def test_a_key_signs_as_rfc_8032_says():
    key = PrivateKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    key.public.verify(key.sign(b""), b"")


def test_an_id_is_the_hash_of_the_public_key():
    assert (
        KEY.id == KEY.public.id == "sha256:56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
    )


def test_two_keys_are_equal_when_their_bytes_are():
    assert PrivateKey(bytes(range(32))) == KEY
    assert len({KEY.public, PublicKey(KEY.public.raw), OTHER.public}) == 2
    assert PrivateKey.generate() != PrivateKey.generate()


def test_a_private_key_is_never_shown():
    assert KEY.raw.hex() not in repr(KEY)
    assert base64.b64encode(KEY.raw).decode() not in repr(KEY)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
@pytest.mark.parametrize("kind", [PrivateKey, PublicKey])
def test_a_key_of_another_size_is_none(kind, size):
    with pytest.raises(KeyFileError, match=f"has 32 bytes, this one {size}"):
        kind(bytes(size))


LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_key_under_which_signatures_prove_nothing_is_refused(point):
    with pytest.raises(KeyFileError, match="low-order"):
        PublicKey(bytes.fromhex(point))


@pytest.mark.parametrize("point", ["ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "ff", "ff" * 32])
def test_a_key_that_is_no_canonical_point_is_refused(point):
    with pytest.raises(KeyFileError, match="below the field's prime"):
        PublicKey(bytes.fromhex(point))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_size_is_none(size):
    with pytest.raises(BadSignature, match=f"has 64 bytes, this one {size}"):
        KEY.public.verify(bytes(size), b"x")


def test_a_signature_is_of_these_bytes_by_this_key():
    signature = KEY.sign(b"x")
    for key, data in ((KEY, b"y"), (OTHER, b"x")):
        with pytest.raises(BadSignature, match="does not match what was signed"):
            key.public.verify(signature, data)


def test_a_signature_with_a_scalar_that_is_not_reduced_is_none():
    signature, order = KEY.sign(b"x"), 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(BadSignature):
        KEY.public.verify(signature[:32] + scalar.to_bytes(32, "little"), b"x")


# --- private keys in files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_format", FORMATS)
def test_a_private_key_comes_back_from_its_file(tmp_path, key_format):
    save_private_key(KEY, tmp_path / "a.key", key_format=key_format)
    assert load_private_key(tmp_path / "a.key") == KEY


@pytest.mark.parametrize("key_format", ["pem", "openssh"])
def test_an_encrypted_key_opens_with_its_passphrase(tmp_path, monkeypatch, key_format):
    path = tmp_path / "a.key"
    save_private_key(KEY, path, key_format=key_format, passphrase="correct horse")
    asked = []
    assert load_private_key(path, "correct horse") == KEY
    assert load_private_key(path, lambda: asked.append(1) or "correct horse") == KEY
    assert asked == [1]
    with pytest.raises(KeyFileError, match=rf"key '{path}': the passphrase does not open the key"):
        load_private_key(path, "battery staple")
    with pytest.raises(KeyFileError, match="encrypted: give its passphrase, or set SPANTAPE_KEY_PASSPHRASE"):
        load_private_key(path)
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "correct horse")
    assert load_private_key(path) == KEY


def test_a_passphrase_is_not_asked_for_where_nothing_is_encrypted(tmp_path):
    save_private_key(KEY, tmp_path / "a.key", key_format="pem")
    assert load_private_key(tmp_path / "a.key", lambda: pytest.fail("asked")) == KEY
    assert load_private_key(tmp_path / "a.key", "not needed") == KEY


@pytest.mark.parametrize("key_format", ["rerun", "raw"])
def test_a_form_that_cannot_be_encrypted_says_so(tmp_path, key_format):
    with pytest.raises(KeyFileError, match="cannot be encrypted; choose pem or openssh"):
        save_private_key(KEY, tmp_path / "a.key", key_format=key_format, passphrase="x")
    assert not (tmp_path / "a.key").exists()


def test_an_empty_passphrase_encrypts_nothing_and_says_so(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be encrypted"):
        save_private_key(KEY, tmp_path / "a.key", key_format="pem", passphrase="")


def test_a_key_comes_out_of_the_environment(monkeypatch):
    for key_format in FORMATS:
        monkeypatch.setenv("SIGNING_KEY", KEY.to_text(key_format))
        assert load_private_key("env:SIGNING_KEY") == KEY
        monkeypatch.setenv("PUBLIC_KEY", KEY.public.to_text(key_format))
        assert load_public_key("env:PUBLIC_KEY") == KEY.public
    monkeypatch.delenv("SIGNING_KEY")
    with pytest.raises(KeyFileError, match="key 'env:SIGNING_KEY': the environment variable is not set"):
        load_private_key("env:SIGNING_KEY")


def test_the_key_file_of_v01_may_hold_a_note_and_no_public_half(written):
    members = json.loads(KEY.to_text("rerun"))
    assert load_private_key(written(json.dumps(members | {"note": "for tests"}))) == KEY
    assert load_private_key(written(json.dumps({"privateKey": members["privateKey"]}))) == KEY


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_a_private_key(tmp_path):
    path = tmp_path / "a.key"
    save_private_key(KEY, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    save_private_key(OTHER, path, overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a.key"]


def test_a_key_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "a.key"
    save_private_key(KEY, path)
    with pytest.raises(KeyFileError, match=rf"key '{path}': exists and is not overwritten"):
        save_private_key(OTHER, path)
    assert load_private_key(path) == KEY
    with pytest.raises(KeyFileError, match="exists"):
        save_public_key(OTHER.public, path)


def test_a_key_that_cannot_be_written_names_the_file(tmp_path):
    with pytest.raises(KeyFileError, match=r"no/a\.key': cannot be written: No such file or directory"):
        save_private_key(KEY, tmp_path / "no" / "a.key")


HALVES = {"privateKey": base64.b64encode(KEY.raw).decode(), "publicKey": OTHER.public.to_base64()}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(HALVES), "publicKey: is not the public half of privateKey"),
        ('{"publicKey": "AAAA"}', "privateKey: no member 'privateKey'"),
        ('{"privateKey": 5}', "privateKey: expected base64 text, got int"),
        ('{"privateKey": "AAAA"}', "privateKey: an Ed25519 key is the base64 of 32 bytes, this is of 3"),
        ('{"privateKey": "*"}', "privateKey: no key in a form that is known"),
        ("{", "starts as a JSON key file and is not JSON"),
        ("", "an Ed25519 key is the base64 of 32 bytes, this is of 0"),
        ("hello", "no key in a form that is known"),
        (base64.b64encode(bytes(64)).decode(), "this is of 64"),
        (b"\xff\xfe\x00", "not a text file"),
        (KEY.public.to_text("pem"), "expected a private key, got a PEM block 'PUBLIC KEY'"),
        (KEY.public.to_text("openssh"), "this is a public OpenSSH key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no readable key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "got a PEM block 'CERTIFICATE'"),
        ("A" * (1 << 20) + "A", "no key file is larger than 1,048,576 bytes"),
    ],
)
def test_what_is_no_private_key_says_why(written, text, says):
    path = written(text)
    with pytest.raises(KeyFileError) as raised:
        load_private_key(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), "RSA"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "EllipticCurve|EC"),
        (ed448.Ed448PrivateKey.generate, "Ed448"),
        (x25519.X25519PrivateKey.generate, "X25519"),
    ],
)
def test_keys_of_other_algorithms_are_refused_by_name(written, make, name):
    private = make()
    with pytest.raises(KeyFileError, match=f"expected an Ed25519 key, got ({name})"):
        load_private_key(written(foreign(private)))
    with pytest.raises(KeyFileError, match=f"expected an Ed25519 key, got ({name})"):
        load_public_key(written(private.public_key().public_bytes(PEM, SPKI)))


@pytest.mark.parametrize("path", ["nowhere.key", "\0"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, path):
    with pytest.raises(KeyFileError, match=r"key .*: cannot be read: "):
        load_private_key(str(tmp_path / path))
    with pytest.raises(KeyFileError, match="cannot be read: Is a directory"):
        load_private_key(tmp_path)


# --- public keys in files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_format", FORMATS)
def test_a_public_key_comes_back_from_its_file(tmp_path, key_format):
    save_public_key(KEY.public, tmp_path / "a.pub", key_format=key_format, comment="me")
    assert load_public_key(tmp_path / "a.pub") == KEY.public


@pytest.mark.parametrize("key_format", ["rerun", "pem", "openssh"])
def test_a_private_key_gives_its_public_half(written, key_format):
    assert load_public_key(written(KEY.to_text(key_format))) == KEY.public


def test_an_encrypted_private_key_does_not(written, monkeypatch):
    monkeypatch.setenv("SPANTAPE_KEY_PASSPHRASE", "x")
    with pytest.raises(KeyFileError, match="stands where public keys are expected; give its public half"):
        load_public_key(written(KEY.to_text("pem", "x")))


def test_one_key_is_one_key(written):
    with pytest.raises(KeyFileError, match="expected one key, got 2"):
        load_public_key(written(KEY.public.to_text("pem") + OTHER.public.to_text("pem")))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("passphrase", ["", "secret"])
def test_keys_of_openssh_itself_are_read(tmp_path, passphrase):
    path = tmp_path / "id"
    made = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-a",
        "1",
        "-N",
        passphrase,
        "-C",
        "me@here",
        "-f",
        str(path),
    ]
    subprocess.run(made, check=True, capture_output=True)
    (trusted,) = load_trust([f"{path}.pub"])
    assert load_private_key(path, passphrase).public == trusted.key
    assert trusted.name == "me@here"


@pytest.mark.parametrize(
    "text", ["-----BEGIN A-----\n" * 50_000, '"\\' * 500_000, 'a" ' * 300_000, "{" * 900_000, "\n" * 900_000]
)
def test_hostile_text_is_refused_in_no_time(written, text):
    path = written(text)
    for load in (load_private_key, load_public_key):
        with pytest.raises(KeyFileError, match="key '"):
            load(path)


# --- trust -------------------------------------------------------------------------------------------------------

RSA_LINE = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== old@host"


def test_a_file_may_hold_many_keys_and_names_them(written):
    ours, other = KEY.public.to_text("openssh", "me@here"), OTHER.public.to_text("openssh")
    options = f'command="echo ssh-ed25519 AAAA",no-pty {other}'
    path = written(f"# reviewers\n\n{ours}reviewer@example.com {other}{RSA_LINE}\n{options}")
    assert load_trust([path]) == (
        TrustedKey(KEY.public, "me@here", str(path)),
        TrustedKey(OTHER.public, "reviewer@example.com", str(path)),
    )


def test_a_directory_is_all_its_files_each_key_once(tmp_path):
    save_public_key(OTHER.public, tmp_path / "b.pub", key_format="openssh", comment="bob")
    save_public_key(KEY.public, tmp_path / "a.pem")
    save_public_key(KEY.public, tmp_path / "c.json", key_format="rerun")
    (tmp_path / ".hidden").write_text("no key")
    (tmp_path / "older").mkdir()
    found = load_trust([tmp_path])
    assert [(one.key, str(one)) for one in found] == [
        (KEY.public, f"'{tmp_path / 'a.pem'}'"),
        (OTHER.public, f"bob in '{tmp_path / 'b.pub'}'"),
    ]
    assert str(TrustedKey(KEY.public)) == KEY.id


def test_a_directory_holds_keys_and_nothing_else(tmp_path):
    with pytest.raises(KeyFileError, match="the directory holds no key"):
        load_trust([tmp_path])
    save_public_key(KEY.public, tmp_path / "a.pem")
    (tmp_path / "README").write_text("These are our reviewers.")
    with pytest.raises(KeyFileError, match="README': no key in a form that is known"):
        load_trust([tmp_path])


@pytest.mark.parametrize(
    "restriction",
    [
        "@revoked *",
        "@cert-authority *.example.com",
        "cert-authority",
        'me@here namespaces="git"',
        "me@here no-pty,valid-before=20200101",
        'me@here valid-after="20990101"',
    ],
)
def test_a_key_is_not_trusted_further_than_its_line_says(written, restriction):
    path = written(f"# one\n{restriction} {KEY.public.to_text('openssh')}")
    with pytest.raises(KeyFileError, match=r"line 2: the key is restricted by"):
        load_trust([path])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (RSA_LINE, "expected an ssh-ed25519 key, got ssh-rsa"),
        (f"{RSA_LINE}\nsk-ssh-ed25519@openssh.com AAAA x", "got ssh-rsa, sk-ssh-ed25519@openssh.com"),
        ("ssh-ed25519 AAAA", "line 1: not an OpenSSH public key"),
        ("ssh-ed25519", r"line 1: expected '[names or options] ssh-ed25519 BASE64 [comment]'"),
        (f"{KEY.public.to_text('openssh')}what is this", "line 2: expected"),
        ('{"a": 1}', "publicKey: no member 'publicKey'"),
    ],
)
def test_what_is_no_public_key_says_why(written, text, says):
    with pytest.raises(KeyFileError) as raised:
        load_trust([written(text)])
    assert says in str(raised.value)


def test_an_encrypted_openssh_key_without_bcrypt_names_the_extra(written):
    path = written(KEY.to_text("openssh", "x"))
    code = (
        "import sys; sys.modules['bcrypt'] = None\n"
        "from spantape.errors import KeyFileError\n"
        "from spantape.rerun.keys import PrivateKey, load_private_key\n"
        f"for work in (lambda: load_private_key({str(path)!r}, 'x'), lambda: PrivateKey(bytes(32)).to_text('openssh', 'x')):\n"
        "    try:\n        work()\n    except KeyFileError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'spantape[ssh]'") == 2
