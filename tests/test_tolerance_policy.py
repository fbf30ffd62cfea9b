"""The policy file: what it sets, in which order, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import PolicyError, UsageError
from spantape.tolerance import policy as room
from spantape.tolerance.calls import CallPolicy
from spantape.tolerance.level import Tolerance
from spantape.tolerance.policy import Policy, effective_policy, make_policy, read_policy

FULL = """
version = 1
tolerance = "semantic:0.9"

[calls]
order = "exact"
arguments = "shape"

[steps."POST /v1/*"]
tolerance = "byte"
ignore = ["response.body.id"]

[steps.3]
tolerance = "structural"

[tools.get_time]
tolerance = "structural"
arguments = "ignored"
ignore = ["result"]

[tools."get_*"]
arguments = "digest"

[fields]
"request.body.metadata.*" = "ignore"
"request.body.messages[0].content" = "byte"
"**.summary" = "semantic:0.8"
"""


@pytest.fixture
def policy(tmp_path):
    def read(text):
        path = tmp_path / "policy.toml"
        path.write_text(text, encoding="utf-8")
        return read_policy(path)

    return read


def test_an_empty_policy_is_byte_for_byte(policy):
    assert policy("version = 1") == Policy()
    assert Policy().of_step(0, "POST /x").tolerance == Tolerance("byte")


def test_calls_are_compared_as_it_says(policy):
    found = policy(FULL)
    assert found.calls == CallPolicy("exact", "shape")
    assert found.arguments_of("get_time") == "ignored"
    assert found.arguments_of("get_weather") == "digest"
    assert found.arguments_of("book") == "shape"


@pytest.mark.parametrize(
    ("index", "name", "tool", "tolerance"),
    [
        (0, "GET /v1/models", None, "semantic:0.9"),
        (0, "POST /v1/chat/completions", None, "byte"),
        (3, "POST /v1/chat/completions", None, "structural"),
        (1, "tool get_time", "get_time", "structural"),
        (1, "tool get_weather", "get_weather", "semantic:0.9"),
    ],
)
def test_an_index_wins_over_a_name_and_a_step_over_its_tool(policy, index, name, tool, tolerance):
    assert str(policy(FULL).of_step(index, name, tool).tolerance) == tolerance


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("request.body.metadata.user", "ignore"),
        ("request.body.metadata.user.name", "ignore"),
        ("request.body.metadata", "byte"),
        ("request.body.messages[0].content", "byte"),
        ("request.body.messages[0].content[1].text", "byte"),
        ("answer.text.items[3].summary", "semantic:0.8"),
        ("response.body.id", "ignore"),
        ("response.body.id.inner", "ignore"),
        ("response.body.identity", "byte"),
        ("", "byte"),
    ],
)
def test_a_field_wins_over_its_step_and_covers_what_is_in_it(policy, path, rule):
    assert str(policy(FULL).of_step(0, "POST /v1/chat/completions").at(path)) == rule


def test_what_a_tool_ignores_is_ignored_in_its_own_steps_alone(policy):
    found = policy(FULL)
    assert found.of_step(1, "tool get_time", "get_time").at("result[0].x") == "ignore"
    assert found.of_step(1, "tool other", "other").at("result") == Tolerance("semantic", 0.9)


def test_among_the_rules_of_a_table_the_first_that_fits_wins(policy):
    found = policy('version = 1\n[fields]\n"a.b" = "ignore"\n"a.*" = "byte"\n"a" = "semantic"').of_step(
        0, "x"
    )
    assert [str(found.at(path)) for path in ("a.b", "a.c", "a")] == ["ignore", "byte", "semantic"]


def test_the_example_in_the_documentation_is_a_policy(policy):
    example = room.__doc__.partition("::\n\n")[2].partition("\n\nA field's rule")[0]
    found = policy("\n".join(line.removeprefix("    ") for line in example.splitlines()))
    assert len(found.fields) == 3
    assert found.tools[0].name == "get_time"


WRONG = [
    ("", "version: got None, expected 1"),
    ("version = 2", "version: got 2, expected 1"),
    ("version = true", "version: got True, expected 1"),
    ("version = 1\ntolerence = 'byte'", "tolerence: is not known, expected one of version, tolerance, calls"),
    ("version = 1\ntolerance = 'exact'", "tolerance: got 'exact', expected byte, structural, semantic"),
    ("version = 1\ntolerance = 0.9", "tolerance: got 0.9, expected byte"),
    (
        "version = 1\n[calls]\norder = 'any order'",
        r"\[calls\], order: got 'any order', expected one of exact",
    ),
    (
        "version = 1\n[calls]\nargs = 'shape'",
        r"\[calls\], args: is not known, expected one of order, arguments",
    ),
    ("version = 1\ncalls = 'exact'", r"\[calls\]: got 'exact', expected a table"),
    ("version = 1\n[steps.'POST /x']\nlevel = 'byte'", r'\[steps."POST /x"\], level: is not known'),
    ("version = 1\n[steps.2]", r"\[steps.2\]: is empty, expected tolerance, ignore"),
    ("version = 1\n[steps]\nx = 'byte'", r"\[steps.x\]: got 'byte', expected a table"),
    ("version = 1\n[steps.2]\narguments = 'shape'", r"\[steps.2\], arguments: is not known"),
    ("version = 1\n[steps.2]\ntolerance = 'semantic:3'", r"\[steps.2\], tolerance: got 'semantic:3'"),
    ("version = 1\n[tools.a]\narguments = 1", r"\[tools.a\], arguments: got 1, expected one of digest"),
    (
        "version = 1\n[tools.a]\nignore = 'result'",
        r"\[tools.a\], ignore: got 'result', expected a list of paths",
    ),
    (
        "version = 1\n[tools.a]\nignore = ['a..b']",
        r"\[tools.a\], ignore: got \['a..b'\], expected a list of paths",
    ),
    ("version = 1\n[tools.a]\nignore = [1]", r"ignore: got \[1\]"),
    ("version = 1\n[fields]\n'a b' = 'byte'", r'\[fields\], "a b": is no path, expected names with dots'),
    ("version = 1\n[fields]\n'' = 'byte'", "is no path"),
    ("version = 1\n[fields]\na = 'ignored'", r"\[fields\], a: got 'ignored', expected ignore, byte"),
    ("version = 1\n[fields]\na = ['byte']", r"\[fields\], a: got \['byte'\]"),
    ("version = 1\n[fields.a]\nb = 'byte'", r"\[fields\], a: got"),
    ("version = 1\nversion = 1", "is no TOML"),
    ("version = ", "is no TOML"),
    ("x = " + "[" * 5000, "is no TOML"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_no_policy_says_is_refused_with_file_table_and_key(policy, text, said):
    with pytest.raises(PolicyError, match=said) as caught:
        policy(text)
    assert "policy.toml" in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_files_that_cannot_be_read_are_policy_errors(tmp_path):
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(tmp_path / "none.toml")
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"version = 1 # \xff")
    with pytest.raises(PolicyError, match="is no TOML"):
        read_policy(tmp_path / "latin.toml")


def test_a_tolerance_beside_a_policy_replaces_its_default_alone(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("version = 1\ntolerance = 'byte'\n[steps.1]\ntolerance = 'structural'")
    found = effective_policy("semantic", path)
    assert found.of_step(0, "x").tolerance == Tolerance("semantic")
    assert found.of_step(1, "x").tolerance == Tolerance("structural")
    assert effective_policy(None, None) == Policy()
    assert effective_policy(None, found) is found


@given(
    st.recursive(
        st.booleans() | st.integers() | st.floats() | st.sampled_from(["byte", "ignore", "semantic:0.5", ""]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*room._TABLES, "a", "*"]), inner),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
@settings(max_examples=50, deadline=None)
def test_any_document_is_a_policy_or_a_policy_error(document):
    try:
        found = make_policy({"version": 1, **document})
    except PolicyError:
        return
    assert isinstance(found, Policy)
