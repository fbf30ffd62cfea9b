"""The generated test: what an engineer would have written, and nothing that a hostile tape could smuggle into it."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import enum
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promote_sources as made
from spantape._spans import names
from spantape.errors import UsageError
from spantape.promote.cases import LARGEST_LITERAL, case_of
from spantape.promote.literals import WIDTH, assigned, flat, laid_out
from spantape.promote.peek import seen
from spantape.promote.recorded import call, same
from spantape.promote.testfile import Tests, source
from spantape.tape.build import tape_of
from spantape.tolerance.level import parse_tolerance

RUFF = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
BYTE = parse_tolerance("byte")
SHOP = """
import dataclasses, enum
import spantape

@dataclasses.dataclass
class Order:
    id: int
    items: list[str]

class Tone(enum.Enum):
    DRY = "dry"

@spantape.agent
def plan(question: str, n: int = 2) -> str:
    return f"{question} {n}"

@spantape.agent
async def later(question: str) -> str:
    return question

@spantape.agent
def pieces(question: str):
    yield question
    yield 2

@spantape.agent
async def drops(question: str):
    yield question

@spantape.agent
def order(given: Order, *more: str, tone: Tone = Tone.DRY, **options: int) -> Order:
    return Order(given.id + 1, [*given.items, *more, tone.value])

@spantape.agent
def first(question, /):
    return question

@spantape.agent
def fails(question: str) -> str:
    raise ValueError(question)

@spantape.agent
def echo(text: str) -> str:
    return text

@spantape.agent
def test_me(question: str) -> str:
    return question

class Planner:
    @spantape.agent
    def plan(self, question: str) -> str:
        return question

    @staticmethod
    @spantape.agent
    def quick(question: str) -> str:
        return question
"""


def tape_with(callable_="shop.agents:plan", arguments='{"question":"hi"}', result='"hi there"', **attributes):
    """A tape with one agent, called so."""
    spans = made.run(turns=1)
    own = {names.CALLABLE: callable_, names.ARGUMENTS: arguments, names.RESULT: result, **attributes}
    kept = {key: value for key, value in {**spans[-1].attributes, **own}.items() if value is not None}
    spans[-1] = replace(spans[-1], attributes=kept)
    return replace(tape_of(spans), path="/tapes/x.tape")


def text_of(*tapes, tolerance=BYTE, path="/tests/test_x.py"):
    return source([case_of(tape) for tape in tapes], Path(path), tolerance)


def calls_in(text):
    return [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]


# --- what it says --------------------------------------------------------------------------------------------------


def test_it_imports_the_agent_calls_it_under_replay_and_asserts_the_result():
    text = text_of(tape_with())
    assert text.endswith(
        """from __future__ import annotations

from pathlib import Path

import spantape
from spantape.promote.recorded import call

from shop.agents import plan


def test_planner() -> None:
    tape = Path(__file__).parent / "../tapes/x.tape"
    with spantape.replay(tape):
        result = call(plan, question="hi")
    assert result == "hi there"
"""
    )


@pytest.mark.parametrize(
    ("tolerance", "result", "line"),
    [
        ("byte", "true", "assert result is True"),
        ("byte", "null", "assert result is None"),
        ("structural", '"a b"', 'assert same(result, "a b", "structural")'),
        ("semantic", '"a b"', 'assert matches(result, "a b")'),
        ("semantic:0.9", '"a b"', 'assert matches(result, "a b", threshold=0.9)'),
        ("semantic:0.9", '{"a":"b"}', 'assert same(result, {"a": "b"}, "semantic:0.9")'),
        ("semantic", "3", "assert result == 3"),
    ],
)
def test_the_tolerance_says_how_the_result_is_compared(tolerance, result, line):
    assert line in text_of(tape_with(result=result), tolerance=parse_tolerance(tolerance))


def test_several_tapes_are_several_tests_and_equal_names_are_told_apart():
    text = text_of(tape_with(), tape_with(), tape_with("other.agents:plan"), tape_with("shop.agents:call"))
    assert [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)] == [
        "test_planner",
        "test_planner_2",
        "test_planner_3",
        "test_planner_4",
    ]
    assert "from other.agents import plan as plan_2" in text
    assert "from shop.agents import call as call_2, plan" in text


def test_a_recorded_failure_is_expected_again():
    text = text_of(tape_with(result=None, **{names.ERROR_TYPE: "shop.errors.Late", names.ERROR_MESSAGE: "x"}))
    assert "with pytest.raises(Exception) as caught:" in text
    assert 'assert type(caught.value).__name__ == "Late"' in text


def test_what_is_large_is_read_from_the_tape():
    text = text_of(tape_with(arguments=json.dumps({"question": "x" * LARGEST_LITERAL})))
    assert "**steps[0].arguments" in text
    assert "assert result == steps[0].result" in text
    assert len(text) < 1500


@pytest.mark.parametrize(
    ("tape", "why"),
    [
        (tape_with(None), "does not say which function it is"),
        (tape_with("__main__:plan"), "run as a script"),
        (tape_with("shop:make.<locals>.plan"), "inside another function"),
        (tape_with("shop:plan", '{"client":"<httpx2.Client>"}'), "argument client was an object"),
        (tape_with("shop:plan", "[]"), "what it was called with"),
        (tape_with("shop:plan", "{broken"), "its arguments or result are lost"),
    ],
)
def test_what_cannot_be_called_is_a_marked_place_that_says_why(tape, why):
    text = text_of(tape)
    assert "pytest.skip(" in text
    assert "FILL IN below what to call: " in text
    assert why in text
    assert "from shop" not in text


def test_a_run_without_an_agent_is_a_marked_place():
    spans = [replace(span, parent_id="") for span in made.run()[:-1]]
    assert "the tape holds no call of an agent" in text_of(replace(tape_of(spans), path="x.tape"))


def test_a_skeleton_skips_with_its_reason():
    spans = made.run(turns=1)
    stated = {names.GRADE: "skeleton", names.GRADE_REASONS: ('cut: "raise" it',), names.CALLABLE: "shop:plan"}
    spans[0] = replace(spans[0], attributes={**spans[0].attributes, **stated})
    text = text_of(replace(tape_of(spans), path="x.tape"))
    assert """@pytest.mark.skip(reason='step 1 cannot be replayed: cut: "raise" it')""" in text


# --- hostile tapes -------------------------------------------------------------------------------------------------

EVIL = '"""\nimport os; os.system("x")\n"""\\'


@pytest.mark.parametrize(
    "callable_",
    [
        "os:system",
        "subprocess:run",
        "builtins:exec",
        "shop:plan\nimport os",
        "shop; import os:plan",
        "shop..x:plan",
        ":plan",
        "shop:",
        "shop:plan()",
        "shop:import",
        "shop.\uff4fs:plan",
        "../../etc:plan",
        EVIL,
    ],
)
def test_a_hostile_function_name_is_never_imported(callable_):
    text = text_of(tape_with(callable_))
    assert "FILL IN" in text
    assert {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)} == {
        "__future__",
        "pathlib",
    }


@pytest.mark.parametrize("argument", ["x=1, y", "import", "a b", "", "a\n", "__class__()"])
def test_a_hostile_argument_name_is_never_written(argument):
    assert "FILL IN" in text_of(tape_with(arguments=json.dumps({argument: 1})))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40) | st.just(EVIL), st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_a_tape_leaves_its_literal(agent, argument, result):
    tape = tape_with(
        arguments=json.dumps({"question": argument}), result=json.dumps(result), **{names.AGENT_NAME: agent}
    )
    tree = ast.parse(text_of(tape))
    (test,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert test.name.isascii()
    assert test.name.startswith("test_")
    found = {node.value for node in ast.walk(test) if isinstance(node, ast.Constant)}
    assert found >= {argument, result} or "FILL IN" in ast.unparse(tree)
    assert {
        node.func.id
        for node in ast.walk(test)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    } <= {
        "Path",
        "call",
    }


def test_what_turns_the_writing_direction_is_escaped():
    assert flat("a\u202eb\u2066") == '"a\\u202eb\\u2066"'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_a_literal_is_the_value(value):
    for text in (flat(value), laid_out(value, 4, 30)):
        assert eval(text, {"__builtins__": {"float": float}}) == value
    space = {}
    exec(assigned("x", value, 0), {"__builtins__": {"float": float}}, space)
    assert space["x"] == value


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
def test_it_is_formatted_as_ruff_formats_it():
    order = {"given": {"id": 1, "items": ["a" * 30, "b" * 30]}, "more": ["c"], "options": {"x": 1}}
    tapes = [
        tape_with(),
        tape_with(
            "shop.agents:order", json.dumps(order), json.dumps({"id": 2, "items": ["a" * 40, "b" * 40]})
        ),
        tape_with("shop.agents:plan", result=json.dumps("long words " * 20)),
        tape_with("shop.agents:plan", result=json.dumps("w " * 34)),
        tape_with(None),
        tape_with("shop.agents:fails", result=None, **{names.ERROR_TYPE: "ValueError"}),
        replace(tape_with(), path="/" + "long/" * 12 + "x.tape"),
        replace(tape_with(), path="/" + "long/" * 16 + "x.tape"),
        tape_with("a_package_of_some_length.agents:a_function_with_a_name_that_is_quite_long_really"),
    ]
    text = text_of(*tapes, tolerance=parse_tolerance("semantic:0.9"))
    command = [RUFF, "format", "--isolated", "--diff", "--stdin-filename", "test_x.py", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert max(map(len, text.splitlines())) > WIDTH  # a long text stays one literal


# --- the file ------------------------------------------------------------------------------------------------------


def test_a_file_of_somebody_else_is_not_written_over(tmp_path):
    path = tmp_path / "test_x.py"
    path.write_text("mine = 1\n")
    with pytest.raises(UsageError, match="not written by spantape promote"):
        Tests(path, BYTE)
    with pytest.raises(UsageError, match=r"expected a \.py file"):
        Tests(tmp_path / "x.txt", BYTE)


def test_its_own_file_is_written_anew(tmp_path):
    path = tmp_path / "deep" / "test_x.py"
    for _ in range(2):
        tests = Tests(path, BYTE)
        tests.add(tape_with())
        tests.write()
    assert path.read_text().count("def test_") == 1


# --- the source of an agent ----------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "agents.py").write_text(SHOP)
    return [str(tmp_path)]


@pytest.mark.parametrize(
    ("name", "shape", "by_name", "returns"),
    [
        ("plan", "plain", {"question", "n"}, True),
        ("later", "coroutine", {"question"}, True),
        ("pieces", "generator", {"question"}, None),
        ("drops", "async_generator", {"question"}, None),
        ("order", "plain", set(), False),
        ("first", "plain", set(), None),
    ],
)
def test_a_source_at_hand_is_read_and_not_run(shop, name, shape, by_name, returns):
    found = seen("shop.agents", name, shop)
    assert (found.shape, set(found.by_name), found.returns) == (shape, by_name, returns)
    assert "shop" not in sys.modules


def test_a_source_that_is_not_at_hand_or_no_python_is_none(shop, tmp_path):
    (tmp_path / "broken.py").write_text("def x(:")
    assert seen("shop.nothing", "plan", shop) is None
    assert seen("shop.agents", "nothing", shop) is None
    assert seen("broken", "x", shop) is None


# --- what generated tests use --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Order:
    id: int
    due: dt.date


class Model(pydantic.BaseModel):
    words: list[str]


class Tone(enum.Enum):
    DRY = "dry"


def takes(order: Order, model: Model, /, tone: Tone, *more: dt.date, loud: bool = False, **options: Order):
    return [order, model, tone, more, loud, options]


async def waits(order: Order) -> dt.date:
    return order.due


def test_a_call_gets_what_its_annotations_say_and_gives_what_was_recorded():
    recorded = {
        "order": {"id": 1, "due": "2026-11-21"},
        "model": {"words": ["a"]},
        "tone": "dry",
        "more": ["2026-01-02"],
        "loud": True,
        "options": {"x": {"id": 2, "due": "2026-11-22"}},
    }
    assert call(takes, **recorded) == list(recorded.values())


def test_a_call_awaits_and_gathers():
    async def drops(n: int):
        for number in range(n):
            yield number

    def pieces(n: int):
        yield from range(n)

    assert call(waits, order={"id": 1, "due": "2026-11-21"}) == "2026-11-21"
    assert call(drops, n=2) == [0, 1]
    assert call(pieces, n=2) == [0, 1]


def test_a_method_without_its_object_says_so():
    class Planner:
        def plan(self, question: str) -> str:
            return question

    with pytest.raises(UsageError, match="give it of an object"):
        call(Planner.plan, question="hi")
    assert call(Planner().plan, question="hi") == "hi"


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "alike"),
    [
        ("a", "a", "byte", True),
        ("a", "b", "byte", False),
        ("a", "b", "structural", True),
        ({"a": "x", "n": 1}, {"a": "y", "n": 1}, "structural", True),
        ({"a": "x", "n": 1}, {"a": "y", "n": 2}, "structural", False),
        ({"a": "x"}, {"b": "x"}, "structural", False),
        ({"a": "It is 5 EUR."}, {"a": "It is 6 EUR."}, "semantic", False),
        ({"a": "It is five euros."}, {"a": "It is five euros."}, "semantic:0.9", True),
    ],
)
def test_results_are_the_same_at_a_tolerance(one, other, tolerance, alike):
    found = same(one, other, tolerance)
    assert bool(found) is alike
    assert tolerance in repr(found)
    assert (len(repr(found).splitlines()) > 1) is not alike
