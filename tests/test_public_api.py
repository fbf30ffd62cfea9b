from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spantape
from spantape import errors

HERE = Path(__file__).parent
HEAVY = (
    "numpy",
    "cryptography",
    "click",
    "rich",
    "pydantic",
    "openai",
    "anthropic",
    "httpx",
    "httpx2",
    "requests",
    "grpc",
)


def python(code):
    """What a fresh interpreter prints."""
    settings = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "COVERAGE"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, env=settings
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- names -------------------------------------------------------------------------------------------------------


def test_the_public_names_are_these():
    assert sorted(spantape.__all__) == [
        "BadSignature",
        "ClaimMismatch",
        "DigestMismatch",
        "Drift",
        "EmbedderError",
        "EndpointError",
        "EvidenceError",
        "FingerprintMismatch",
        "Instrumentation",
        "KeyFileError",
        "MatchRules",
        "Miss",
        "MissingBase",
        "NotCanonical",
        "NotCut",
        "NotReplayable",
        "NotVerified",
        "OtherTape",
        "PartialTapeWarning",
        "PolicyError",
        "ProofMismatch",
        "RecordingWarning",
        "ReplayedError",
        "RoundTripWarning",
        "SchemaViolation",
        "SeamError",
        "SpantapeError",
        "Tape",
        "TapeDamaged",
        "TapeError",
        "TapeNotFound",
        "UnknownKey",
        "Unsigned",
        "UnusedSteps",
        "UsageError",
        "__version__",
        "agent",
        "diff",
        "instrument",
        "matches",
        "read_tape",
        "record",
        "replay",
        "tool",
        "uninstrument",
        "use",
    ]


def test_every_public_name_is_there_and_is_documented():
    for name in spantape.__all__:
        value = getattr(spantape, name)
        assert name == "__version__" or inspect.getdoc(value), name


def test_what_the_package_shows_is_what_it_promises():
    shown = python(
        "import spantape; print(*(name for name in dir(spantape) if name not in vars(spantape)))"
    ).split()
    assert set(shown) <= set(spantape.__all__)
    promised = {name for home in spantape._HOMES.values() for name in home}
    assert promised == set(spantape.__all__) - {"__version__"}


def test_the_names_that_a_type_checker_sees_are_the_same():
    source = inspect.getsource(spantape)
    seen = re.search(r"if TYPE_CHECKING:\n(.*?)\n\n", source, re.DOTALL)[1]
    imported = set(re.findall(r"\b([A-Za-z_]\w*)\b(?=,|\n|$)", re.sub(r"from \S+ import", "", seen)))
    assert imported == set(spantape.__all__) - {"__version__"}


def test_a_star_import_gives_them_all():
    assert (
        python(
            "from spantape import *\nimport spantape\n"
            "print([name for name in spantape.__all__ if globals()[name] is not getattr(spantape, name)])"
        )
        == "[]\n"
    )


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'spantape' has no attribute 'recrod'"):
        spantape.recrod  # noqa: B018 - looking it up is the test
    assert not hasattr(spantape, "Session")


@pytest.mark.parametrize("name", ["record", "replay", "use", "agent", "tool", "instrument"])
def test_importing_every_module_hides_no_public_name(name):
    for path in sorted(Path(spantape.__file__).parent.rglob("*.py")):
        module = ".".join(path.relative_to(Path(spantape.__file__).parent).with_suffix("").parts)
        if module == name or module.startswith(f"{name}."):
            pytest.fail(f"spantape/{path.name} would take the place of spantape.{name}")
    assert callable(getattr(spantape, name))


# --- imports -----------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_next_to_nothing():
    code = (
        "import sys; import typing, importlib, types\nbefore = set(sys.modules)\nimport spantape\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = set(python(code).split()) - {"__future__", "contextlib", "gc"}
    assert loaded == {"spantape", "spantape._imports", "spantape._version"}


@pytest.mark.parametrize(
    "module", ["errors", "_use", "_seams.tools", "tape.read", "_instrument", "player.player"]
)
def test_what_a_program_imports_loads_nothing_heavy(module):
    code = f"import sys, spantape.{module}\nprint(*sorted(name for name in sys.modules if '.' not in name))"
    assert set(python(code).split()) & set(HEAVY) == set()


def test_recording_loads_no_client_that_the_program_does_not_use(tmp_path):
    code = (
        f"import sys, spantape\nwith spantape.record({str(tmp_path / 'a.tape')!r}): pass\n"
        f"spantape.read_tape({str(tmp_path / 'a.tape')!r})\nprint(*(name for name in sys.modules if '.' not in name))"
    )
    assert set(python(code).split()) & set(HEAVY) == set()


def test_the_package_says_that_it_is_typed():
    assert (Path(spantape.__file__).parent / "py.typed").exists()


# --- errors ------------------------------------------------------------------------------------------------------


def drawn():
    """The tree in the docstring of the errors: each name with the one above it."""
    above = {0: "object"}
    tree = {}
    for line in inspect.getdoc(errors).splitlines():
        match = re.match(r"^(    (?:[│ ]   )*(?:[├└]── )?)(\w+)(?:\(BaseException\))?\s{2,}\S", line)
        if match:
            depth = len(match[1]) // 4
            tree[match[2]] = above[max(above, key=lambda one, depth=depth: one if one < depth else -1)]
            above = {one: name for one, name in above.items() if one < depth} | {depth: match[2]}
    return tree


def test_the_tree_that_is_drawn_is_the_tree_that_is():
    tree = drawn()
    assert set(tree) == set(errors.__all__)
    for name, parent in tree.items():
        if parent != "object":
            assert getattr(errors, name).__bases__[0] is getattr(errors, parent), name


def test_every_error_is_public_and_is_a_spantape_error_but_the_miss():
    for name in errors.__all__:
        kind = getattr(spantape, name)
        assert kind is getattr(errors, name)
        if issubclass(kind, Warning):
            assert issubclass(kind, UserWarning)
        elif kind is not errors.Miss:
            assert issubclass(kind, errors.SpantapeError)
    assert errors.Miss.__bases__ == (BaseException,)


def test_errors_are_what_pythons_own_are():
    assert issubclass(errors.UsageError, ValueError)
    assert issubclass(errors.TapeNotFound, FileNotFoundError)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({}, "reason"),
        ({"path": "a.tape"}, "tape 'a.tape': reason"),
        ({"path": Path("a.tape"), "step": 0, "field": "x"}, "tape 'a.tape', step 0, x: reason"),
        ({"field": "x"}, "x: reason"),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [errors.TapeError, errors.TapeDamaged, errors.MissingBase, errors.NotReplayable, errors.TapeNotFound],
)
def test_a_tape_error_names_its_place(kind, places, message):
    error = kind("reason", **places)
    assert str(error) == message
    assert (error.reason, error.step, error.field) == ("reason", places.get("step"), places.get("field"))


def test_a_miss_tells_whoever_wants_to_know(monkeypatch):
    told = []
    monkeypatch.setattr(errors.Miss, "on_made", told.append)
    miss = errors.Miss("x", path=Path("a.tape"))
    assert told == [miss]
    assert (str(miss), miss.path) == ("x", "a.tape")


# --- types -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_the_public_api_keeps_types(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(HERE / "typing_api.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
