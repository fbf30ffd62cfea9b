"""Values to JSON and back by annotation; what does not come back is said."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import math
import pathlib
import subprocess
import sys
import types
import typing
import uuid
import zoneinfo
from collections import abc
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union

import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._values import MAX_DEPTH, bind_arguments, from_json, lossy, return_annotation, to_json
from spantape.errors import UsageError

T = TypeVar("T")
UTC = dt.UTC
NAIVE = dt.datetime  # a name of its own, since times without a zone are what is tested


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    S = 1
    L = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Odd(enum.Enum):
    PAIR = (1, 2)
    THING = object()


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    id: uuid.UUID
    when: dt.datetime
    tags: set[str]
    at: Point
    colors: dict[Color, int] = dataclasses.field(default_factory=dict)
    note: bytes | None = None


@dataclasses.dataclass
class Node:
    name: str
    children: list[Node] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    more: list[T] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Counted:
    words: list[str]
    total: int = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = len(self.words)
        self.cache = {}


@dataclasses.dataclass
class Seeded:
    seed: dataclasses.InitVar[int]
    value: int = 0

    def __post_init__(self, seed):
        self.value += seed


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Movie(TypedDict):
    title: str
    year: typing.NotRequired[int]
    seen: typing.NotRequired[set[int]]


class Item(msgspec.Struct, frozen=True):
    name: str
    price: decimal.Decimal
    sizes: frozenset[int] = frozenset()


class Address(pydantic.BaseModel):
    city: str
    zip_code: str = pydantic.Field(default="", alias="zipCode")


class Person(pydantic.BaseModel):
    name: str
    born: dt.date
    homes: list[Address] = []
    scores: set[int] = set()

    @pydantic.computed_field
    @property
    def initial(self) -> str:
        return self.name[:1]


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")
    when: dt.datetime
    ratio: float


class Celsius(float):
    pass


class UserId(str):
    __slots__ = ()


def again(value, annotation=Any):
    """`value` after a trip through JSON text."""
    text = msgspec.json.encode(to_json(value))
    return from_json(msgspec.json.decode(text), annotation)


ROUND_TRIPS = [
    (None, None),
    (True, bool),
    (7, int),
    (2**53, int),
    (-(2**70), int),
    (1.5, float),
    (1, float),
    (math.inf, float),
    (-math.inf, Any),
    ("héllo ✓", str),
    ("a\ud800b", str),
    (b"\x00\xff", bytes),
    (bytearray(b"ab"), bytearray),
    (1 + 2j, complex),
    (dt.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=UTC), dt.datetime),
    (NAIVE(2024, 2, 29), dt.datetime),
    (dt.datetime(2024, 2, 29, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30, seconds=7))), dt.datetime),
    (dt.date(1999, 12, 31), dt.date),
    (dt.time(23, 59, 59, 999999), dt.time),
    (dt.timedelta(days=-3, microseconds=1), dt.timedelta),
    (uuid.UUID(int=5), uuid.UUID),
    (decimal.Decimal("1.10"), decimal.Decimal),
    (fractions.Fraction(1, 3), fractions.Fraction),
    (pathlib.Path("a/b"), pathlib.Path),
    (pathlib.PurePosixPath("/x"), pathlib.PurePosixPath),
    (ipaddress.ip_address("10.0.0.1"), ipaddress.IPv4Address),
    (ipaddress.ip_network("fe80::/64"), ipaddress.IPv6Network),
    (zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo),
    (Color.BLUE, Color),
    (Size.L, Size),
    (Right.READ | Right.WRITE, Right),
    (Odd.PAIR, Odd),
    (Odd.THING, Odd),
    (Celsius(3.5), Celsius),
    (UserId("u1"), UserId),
    ([1, [2]], list[Any]),
    ((1, "a"), tuple[int, str]),
    ((1, 2, 3), tuple[int, ...]),
    ((), tuple[()]),
    ((1, "a"), tuple),
    ({"b", "a"}, set[str]),
    ({(1, 2), (3, 4)}, set[tuple[int, int]]),
    (frozenset({1}), frozenset[int]),
    (collections.deque([1, 2]), collections.deque[int]),
    (collections.OrderedDict(a=1), collections.OrderedDict[str, int]),
    (collections.Counter("aab"), collections.Counter[str]),
    ({1: "a", 2: "b"}, dict[int, str]),
    ({1: "a", "1": "b"}, Any),
    ({(1, 2): {3}}, dict[tuple[int, int], set[int]]),
    ({Color.RED: 1}, dict[Color, int]),
    ({None: 1, 1.5: 2}, Any),
    ({"$bytes": "not base64!"}, Any),
    ({"$map": [[1, 2]]}, dict[str, Any]),
    ({"a": 1}, typing.Mapping[str, int]),
    ([1], abc.Sequence[int]),
    ({"k": [1]}, typing.Dict[str, typing.List[int]]),  # noqa: UP006 - users still write so
    (Point(1, 2.5), Point),
    (Order(uuid.UUID(int=1), NAIVE(2024, 1, 1), {"x"}, Point(1), {Color.RED: 2}, b"\xff"), Order),
    (Node("a", [Node("b"), Node("c", [Node("d")])]), Node),
    (Box({1, 2}, [{3}]), Box[set[int]]),
    (Box(dt.date(2024, 1, 1)), Box[dt.date]),
    (Counted(["a", "b"]), Counted),
    (Seeded(3, value=4), Seeded),
    (Pair(1), Pair),
    (Movie(title="t", seen={1}), Movie),
    (Item("n", decimal.Decimal("2.5"), frozenset({1})), Item),
    (
        Person(name="Ada", born=dt.date(1815, 12, 10), homes=[Address(zipCode="1", city="L")], scores={1}),
        Person,
    ),
    (Strict(when=NAIVE(2024, 1, 1), ratio=math.inf), Strict),
    ([Person(name="A", born=dt.date(2000, 1, 1))], list[Person]),
    (None, Person | None),
    (Pair(1, "x"), Optional[Pair]),  # noqa: UP045 - users still write so
    ("2024-01-01x", Union[dt.datetime, str]),  # noqa: UP007 - users still write so
    (NAIVE(2024, 1, 1), str | dt.datetime),
    (uuid.UUID(int=9), int | str | uuid.UUID),
    (1, int | float),
    (1.0, int | float),
    (True, int | bool),
    ({"x": 1}, Point | dict[str, int] | list[int]),
    (Pair(3), Point | Pair),
    (Point(1, 1.0), Person | Point | str),
    ("text", str | pathlib.Path),
    ([{"a": 1}, Point(1)], list[Point | dict[str, Any]]),
    ("b", Literal["a", "b"]),
    (Color.RED, Literal[Color.RED]),
    (1, Literal[True, 1]),
    ({1}, Annotated[set[int], "doc"]),
    (5, typing.NewType("Id", int)),
    (np.float64(1.5), np.float64),
    (np.int32(-4), np.int32),
    (np.datetime64("2024-01-01T00:00:00.000000001"), np.datetime64),
    (np.bool_(True), np.bool_),
    (np.arange(6, dtype=np.float32).reshape(2, 3), npt.NDArray[np.float32]),
    (np.array(["a", "bc"]), np.ndarray),
    (np.array(3.5), Any),
]


@pytest.mark.parametrize(
    ("value", "annotation"), ROUND_TRIPS, ids=lambda v: getattr(v, "__name__", type(v).__name__)
)
def test_a_value_comes_back_as_its_annotation_says(value, annotation):
    assert lossy(value, annotation) is None
    back = again(value, annotation)
    assert type(back) is type(value)
    if isinstance(value, np.ndarray):
        assert back.dtype == value.dtype
        assert np.array_equal(back, value)
    elif not (isinstance(value, dict) and annotation is Any):
        assert back == value


def test_nan_comes_back_and_counts_as_equal():
    assert math.isnan(again(math.nan))
    assert lossy([math.nan, {"a": math.nan}], list[Any]) is None
    assert again(decimal.Decimal("NaN"), decimal.Decimal).is_nan()


def test_without_an_annotation_plain_json_comes_back_as_a_copy():
    data = {"a": [1, {"b": None}]}
    back = from_json(data)
    assert back == data
    assert back is not data
    assert back["a"][1] is not data["a"][1]


def test_json_stays_readable_where_an_annotation_can_tell_the_type():
    order = Order(uuid.UUID(int=1), NAIVE(2024, 1, 1), {"y", "x"}, Point(1, 2.0), {Color.RED: 2})
    assert to_json(order) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "when": "2024-01-01T00:00:00",
        "tags": ["x", "y"],
        "at": {"x": 1, "y": 2.0},
        "colors": {"red": 2},
        "note": None,
    }
    assert to_json(Pair(1)) == {"left": 1, "right": "r"}


def test_what_json_cannot_say_stands_under_a_marker():
    assert to_json([b"ab", math.nan, 2**60, "\ud800", 1j]) == [
        {"$bytes": "YWI="},
        {"$float": "nan"},
        {"$int": "1152921504606846976"},
        {"$str": "\\ud800"},
        {"$complex": [0.0, 1.0]},
    ]
    assert to_json({1: "a"}) == {"$map": [[1, "a"]]}


def test_integers_beyond_pythons_digit_limit_come_back():
    assert again(10**5000) == 10**5000


def test_the_same_set_is_the_same_json_in_every_process():
    script = "from spantape._values import to_json; print(to_json({'a','b','c','d','e',(1,2)}))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


def test_a_records_computed_field_comes_back_as_recorded_not_as_computed_anew():
    counted = Counted(["a"])
    counted.total = 99
    back = again(counted, Counted)
    assert back.total == 99
    assert back.cache == {}


def test_a_missing_field_takes_its_default():
    assert from_json({"x": 1}, Point) == Point(1, 0.0)
    assert from_json({"left": 1}, Pair) == Pair(1)


def test_a_local_class_that_names_itself_is_resolved():
    @dataclasses.dataclass
    class Tree:
        kids: list[Tree]
        size: set[int]

    assert again(Tree([Tree([], {1})], {2}), Tree) == Tree([Tree([], {1})], {2})


def test_a_type_alias_that_names_itself_is_read():
    if sys.version_info < (3, 12):
        pytest.skip("type statements came with 3.12")
    scope: dict[str, Any] = {}
    exec("type Tree = dict[str, Tree] | set[int]", scope)  # a syntax error before 3.12, so not written out
    assert again({"a": {"b": {1, 2}}}, scope["Tree"]) == {"a": {"b": {1, 2}}}


# --- what has no JSON form -----------------------------------------------------------------------------------------


class Client:
    def fetch(self):
        return 1


def test_an_object_without_a_json_form_is_refused_with_its_place():
    with pytest.raises(
        UsageError, match=r"^result\.rows\[1\]\['the client'\]: \S*Client has no JSON form; give"
    ):
        to_json({"rows": [1, {"the client": Client()}]})


def test_a_cycle_is_refused_with_its_place():
    loop: dict[str, Any] = {"a": []}
    loop["a"].append(loop)
    with pytest.raises(UsageError, match=r"^value\.a\[0\]: this dict contains itself"):
        to_json(loop, place="value")


def test_a_value_that_occurs_twice_is_no_cycle():
    shared = [1]
    assert to_json([shared, shared]) == [[1], [1]]


def test_bottomless_nesting_is_refused_with_a_short_place():
    deep: list[Any] = []
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(UsageError, match=rf"more….*nested deeper than {MAX_DEPTH} levels") as caught:
        to_json(deep)
    assert len(str(caught.value)) < 200
    assert to_json(deep[0]) == deep[0]


def test_a_user_class_that_raises_while_it_is_written_is_a_usage_error():
    class Broken(dict):
        def items(self):
            raise RuntimeError("no items today")

    with pytest.raises(UsageError, match=r"result\[0\]: .*RuntimeError: no items today"):
        to_json([Broken()])


def test_placeholders_stand_for_what_has_no_json_form_and_hold_no_address():
    loop: list[Any] = []
    loop.append(loop)
    written = to_json([Client(), Client().fetch, len, Client, lambda: 1, loop, json], placeholders=True)
    assert written == [
        f"<{__name__}.Client>",
        f"<{__name__}.Client.fetch>",
        "<builtins.len>",
        f"<{__name__}.Client>",
        "<test_values.test_placeholders_stand_for_what_has_no_json_form_and_hold_no_address.<locals>.<lambda>>",
        ["<builtins.list>"],
        "<builtins.module>",
    ]


def test_object_arrays_are_refused():
    with pytest.raises(UsageError, match=r"dtype object has no JSON form; give `\.tolist\(\)`"):
        to_json(np.array([object()]))


# --- data that does not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "annotation", "message"),
    [
        (5, str, "result: got 5, expected str"),
        ("x", int, "result: got 'x', expected int"),
        ([1, "x"], list[int], r"result\[1\]: got 'x', expected int"),
        ({"a": {"b": 1}}, dict[str, dict[str, str]], r"result\.a\.b: got 1, expected str"),
        ([1], tuple[int, int], "expected a tuple of 2"),
        ([1, "x"], tuple[int, int], r"result\[1\]: got 'x'"),
        ({"x": "no"}, Point, r"result\.x: got 'no', expected int"),
        ({}, Point, "field 'x' of .*Point is missing, and it has no default"),
        ({"x": 1, "z": 2}, Point, "Point has no field 'z'; it has x, y"),
        ({"year": 1}, Movie, "field 'title' of .*Movie is missing"),
        ([1], Point, r"got \[1\], expected .*Point"),
        ({"left": 1, "right": 2}, Pair, r"result\.right: got 2, expected str"),
        ("green", Color, "expected a member of .*Color"),
        (64, Right, "expected .*Right"),
        ("c", Literal["a"], "expected Literal"),
        ({}, int | str, r"got \{\}, expected int | str"),
        ("2024-01-01", dt.datetime, "expected datetime.datetime"),
        ("soon", dt.date, "expected datetime.date"),
        ("soon", dt.timedelta, "expected datetime.timedelta"),
        ("zz", uuid.UUID, "expected uuid.UUID"),
        (1, None, "expected None"),
        ([[1]], set[Any], "expected set"),
        ({"$bytes": "?"}, bytes, r"not a \$bytes value"),
        ({"$float": "many"}, float, r"not a \$float value"),
        ({"$int": None}, int, r"not a \$int value"),
        ({"$array": {"dtype": "O", "shape": [1], "data": ""}}, Any, r"not a \$array value"),
        ({"$array": {"dtype": "<f4", "shape": [-3, 7], "data": ""}}, Any, r"not a \$array value"),
        ({"$map": [[[1], 2]]}, dict[Any, int], "a key has no hash"),
        ({"$map": 5}, dict[int, int], r"pairs under \$map"),
        ({"$map": [5]}, Any, r"pairs under \$map"),
        ({"name": "A", "born": "x"}, Person, r"not a valid .*Person: .*born"),
    ],
)
def test_data_that_does_not_fit_is_an_error_that_names_the_place(data, annotation, message):
    with pytest.raises(UsageError, match=message):
        from_json(data, annotation)


def test_absurdly_nested_data_is_a_usage_error():
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(UsageError, match="nested too deeply"):
        from_json(deep)


# --- lossy ---------------------------------------------------------------------------------------------------------


class Base(pydantic.BaseModel):
    a: int


class Derived(Base):
    b: int = 0


@pytest.mark.parametrize(
    ("value", "annotation", "reason"),
    [
        ({"a"}, Any, "result: set came back as list; annotate the return type as set[str]"),
        ({"a": [0, {1}]}, dict, "result.a[1]: set came back as list; annotate it there as set[int]"),
        ((1, "a"), Any, "result: tuple came back as list; annotate the return type as tuple[int, str]"),
        (
            Point(1),
            Any,
            f"result: {__name__}.Point came back as dict; annotate the return type as {__name__}.Point",
        ),
        (
            dt.date(2024, 1, 1),
            Any,
            "result: datetime.date came back as str; annotate the return type as datetime.date",
        ),
        ([True], list[float | str], None),
        (5, str, "result: got 5, expected str; it is annotated str, and a int was returned"),
        ({"x": {1, "a"}}, dict[str, list[Any]], "result.x: set came back as list"),
        (
            {(1,)},
            set[Any],
            "result: got [[1]], expected set; it is annotated set[Any], and a set[tuple[int]] was returned",
        ),
        (
            collections.defaultdict(list, a=1),
            collections.defaultdict,
            "result: defaultdict came back without its default",
        ),
        (Derived(a=1, b=2), Base, f"result: {__name__}.Derived came back as {__name__}.Base"),
        ([Client()], list, f"result[0]: {__name__}.Client has no JSON form"),
        (np.float64(1.5), float, "result: numpy.float64 came back as float"),
        (pathlib.Path("a"), str | pathlib.Path, "came back as str"),
        ({Color.RED: 1}, dict, f"result's key <Color.RED: 'red'>: {__name__}.Color came back as str"),
    ],
)
def test_lossy_says_what_does_not_come_back_and_where(value, annotation, reason):
    found = lossy(value, annotation)
    assert found is None if reason is None else reason in found


def test_lossy_never_raises_whatever_eq_does():
    class Rude(str):
        __slots__ = ()
        __hash__ = None

        def __eq__(self, other):
            raise RuntimeError("not today")

    assert "came back as str" in lossy(Rude("x"), str)

    class Ruder(complex):
        __hash__ = None

        def __eq__(self, other):
            raise RuntimeError("not today")

    assert "cannot be compared" in lossy(Ruder(1), Ruder)


def test_lossy_never_raises_whatever_hash_does():
    class Sour(str):
        __slots__ = ()

        def __hash__(self):
            if self == "sour":
                raise RuntimeError("no hash today")
            return 1

    assert "cannot be read back: RuntimeError: no hash today" in lossy({"sour": 1}, dict[Sour, int])


def test_lossy_takes_json_that_is_already_written():
    assert lossy({1}, set[int], data=[1]) is None
    assert "came back as" in lossy(1, Any, data=2)


def test_a_pydantic_models_private_state_is_missed():
    class Secretive(pydantic.BaseModel):
        a: int
        _seen: int = 0

    value = Secretive(a=1)
    value._seen = 5
    assert "came back as" in lossy(value, Secretive)


def test_a_pydantic_without_by_name_is_validated_all_the_same():
    class Older(Base):
        @classmethod
        def model_validate_json(cls, text):
            return super().model_validate_json(text)

    assert again(Older(a=1), Older) == Older(a=1)


# --- properties ----------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=8)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT | st.sampled_from(["$map", "$bytes", "$float"]), inner, max_size=4)
        | st.dictionaries(st.integers() | TEXT | st.none(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
@settings(max_examples=150)
def test_any_tree_of_plain_values_round_trips_through_text_without_an_annotation(tree):
    assert lossy(tree, Any) is None
    text = msgspec.json.encode(to_json(tree))
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert lossy(tree, Any, data=msgspec.json.decode(text)) is None


ANNOTATED = [
    int | float | None,
    list[dict[str, set[int]]],
    tuple[dt.datetime, dt.date, dt.time, dt.timedelta],
    dict[dt.date, frozenset[bytes]],
    dict[tuple[int, str], list[uuid.UUID]],
    Point,
    Node,
    Order,
    Pair,
    Movie,
    decimal.Decimal,
    Color | Size,
    complex | str,
    Literal["a", 1, True] | None,
    list[Point | Pair | str | None],
]


@given(st.sampled_from(ANNOTATED).flatmap(lambda a: st.tuples(st.just(a), st.from_type(a))))
@settings(max_examples=250)
def test_any_value_of_an_annotation_round_trips_by_it(pair):
    annotation, value = pair
    assert lossy(value, annotation) is None
    assert lossy(value, annotation, data=msgspec.json.decode(msgspec.json.encode(to_json(value)))) is None


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)), st.timedeltas())
@settings(max_examples=100)
def test_aware_times_and_durations_come_back_to_the_microsecond(moment, length):
    assert again(length, dt.timedelta) == length
    back = again(moment, dt.datetime)
    assert back.isoformat() == moment.isoformat()


@given(st.one_of(TREES, st.from_type(Order)), st.sampled_from(ANNOTATED))
@settings(max_examples=150)
def test_reading_foreign_data_gives_a_value_or_a_usage_error_and_lossy_a_reason_or_none(value, annotation):
    data = to_json(value)
    with contextlib.suppress(UsageError):
        to_json(from_json(data, annotation))
    assert isinstance(lossy(value, annotation), str | None)


# --- annotations ---------------------------------------------------------------------------------------------------


async def awaited() -> set[int]: ...


def generated() -> abc.Generator[Point, None, str]:
    yield Point(1)


async def agenerated() -> abc.AsyncIterator[Point]:
    yield Point(1)


def iterated() -> abc.Iterable[int]:
    yield 1


def listed() -> abc.Iterable[int]: ...


def handed_on() -> abc.Iterator[bytes]: ...


def later() -> abc.Awaitable[abc.AsyncIterator[int]]: ...


def noted() -> Annotated[Optional[Point], "where"]: ...  # noqa: UP045 - users still write so


def unknown() -> Missing: ...  # noqa: F821 - that is the point


def half(a: Missing) -> set[int]: ...  # noqa: F821 - that is the point


def bare(): ...


def bare_generator() -> abc.Iterator:
    yield 1


def wrong_generator() -> int:
    yield 1


class Service:
    def method(self) -> Point: ...

    def __call__(self) -> Pair: ...


@functools.wraps(awaited)
def wrapped(*args): ...


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (awaited, set[int]),
        (generated, Point),
        (agenerated, Point),
        (iterated, int),
        (listed, abc.Iterable[int]),
        (handed_on, bytes),
        (later, int),
        (noted, Optional[Point]),  # noqa: UP045 - users still write so
        (unknown, Any),
        (half, set[int]),
        (bare, Any),
        (bare_generator, Any),
        (wrong_generator, Any),
        (Service.method, Point),
        (Service().method, Point),
        (Service(), Pair),
        (Service, Service),
        (wrapped, set[int]),
        (functools.partial(half, 1), set[int]),
        (len, Any),
        (5, Any),
    ],
    ids=lambda v: getattr(v, "__name__", type(v).__name__),
)
def test_return_annotation_gives_the_type_of_the_values(func, expected):
    assert return_annotation(func) == expected


def test_return_annotation_finds_classes_of_the_callers_function():
    @dataclasses.dataclass
    class Local:
        a: int

    def free() -> list[Local]: ...

    def closed() -> Local:
        return Local(1)

    assert return_annotation(closed) is Local
    assert return_annotation(free) is Any
    assert return_annotation(free, locals()) == list[Local]


def test_return_annotation_survives_annotations_that_raise():
    def odd(): ...

    for annotation in ("1/0", "(", "x.y", [], 5, {"a": 1}):
        fresh = types.FunctionType(odd.__code__, {})
        fresh.__annotations__ = {"return": annotation}
        return_annotation(fresh)


def test_return_annotation_finds_a_name_that_comes_later():
    scope: dict[str, Any] = {}
    exec("def early() -> 'Later': ...", scope)  # a scope of its own
    assert return_annotation(scope["early"]) is Any
    scope["Later"] = Point
    assert return_annotation(scope["early"]) is Point
    assert return_annotation(scope["early"]) is Point


def test_return_annotation_of_a_callable_without_a_hash_is_found_too():
    class Unhashable:
        __hash__ = None

        def __eq__(self, other):
            return self is other

        def __call__(self) -> Point: ...

    assert return_annotation(Unhashable()) is Point


@pytest.mark.parametrize(
    "annotation", [[], 5, {"a": 1}, "Forward", ..., T, Generic[T], abc.Callable[[int], str], type[int]]
)
def test_an_annotation_of_which_nothing_is_known_reads_plain_json(annotation):
    assert from_json({"a": [1]}, annotation) == {"a": [1]}


# --- arguments -----------------------------------------------------------------------------------------------------


def search(query: str, limit: int = 10, *rest: int, deep: bool = False, **options: Any) -> str: ...


def positional(a, /, b, **kw): ...


def test_arguments_stand_by_name_with_their_defaults():
    assert bind_arguments(search, ("q",), {}) == {
        "query": "q",
        "limit": 10,
        "rest": [],
        "deep": False,
        "options": {},
    }
    assert bind_arguments(search, ("q", 1, 2, 3), {"deep": True, "lang": "de"}) == {
        "query": "q",
        "limit": 1,
        "rest": [2, 3],
        "deep": True,
        "options": {"lang": "de"},
    }
    assert list(bind_arguments(search, (), {"limit": 2, "query": "q"})) == [
        "query",
        "limit",
        "rest",
        "deep",
        "options",
    ]


def test_a_positional_only_name_may_come_again_as_a_keyword():
    assert bind_arguments(positional, (1, 2), {"a": 3}) == {"a": 1, "b": 2, "kw": {"a": 3}}


class Shop:
    def order(self, item: str, by: Point | None = None): ...

    @classmethod
    def make(cls, name): ...

    @staticmethod
    def tax(rate): ...


def plain_function(self, x): ...


def test_self_and_cls_are_left_out():
    assert bind_arguments(Shop.order, (Shop(), "tea"), {}) == {"item": "tea", "by": None}
    assert bind_arguments(Shop().order, ("tea",), {"by": Point(1)}) == {
        "item": "tea",
        "by": {"x": 1, "y": 0.0},
    }
    assert bind_arguments(Shop.make, ("n",), {}) == {"name": "n"}
    assert bind_arguments(Shop.tax, (2,), {}) == {"rate": 2}
    assert bind_arguments(plain_function, (1, 2), {}) == {"self": 1, "x": 2}


def test_what_is_no_json_becomes_a_placeholder():
    found = bind_arguments(
        search, (Client(), {"client": Client(), 1: len}), {"callback": test_self_and_cls_are_left_out}
    )
    assert found["query"] == f"<{__name__}.Client>"
    assert found["limit"] == {"$map": [["client", f"<{__name__}.Client>"], [1, "<builtins.len>"]]}
    assert found["options"] == {"callback": f"<{__name__}.test_self_and_cls_are_left_out>"}


def test_a_generator_argument_is_not_consumed():
    numbers = iter([1, 2])
    assert bind_arguments(plain_function, (numbers, 1), {})["self"] == "<builtins.list_iterator>"
    assert list(numbers) == [1, 2]


def test_a_call_that_does_not_fit_is_told_as_far_as_it_goes():
    assert bind_arguments(plain_function, (1, 2, 3), {"y": 4}) == {"self": 1, "x": 2, "args": [3], "y": 4}
    assert bind_arguments(plain_function, (), {}) == {}


def test_callables_without_a_signature_or_a_hash_are_bound_too():
    class Unhashable:
        __hash__ = None

        def __eq__(self, other):
            return self is other

        def __call__(self, a, b=2): ...

    assert bind_arguments(Unhashable(), (1,), {}) == {"a": 1, "b": 2}
    assert bind_arguments(dict.fromkeys, ([1],), {}).keys() <= {"iterable", "value", "args", "kwargs"}
    assert bind_arguments(max, (1, 2), {"key": len}) == {"args": [1, 2], "kwargs": {"key": "<builtins.len>"}}
    assert bind_arguments(functools.partial(plain_function, 1), (2,), {}) == {"x": 2}
