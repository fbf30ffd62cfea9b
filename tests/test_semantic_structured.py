"""Structure is compared as what it parses to, whatever it is written in, and never guessed at."""

from __future__ import annotations

import json
import re
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.semantic.structured import compare_structured, readings, value_differences

BOOKING = '{"tool": "book_table", "args": {"guests": 4, "time": "19:30", "outdoor": true, "note": null}}'


def verdict(expected, actual, **settings_):
    one, other = (
        compare_structured(expected, actual, **settings_),
        compare_structured(actual, expected, **settings_),
    )
    assert one.verdict == other.verdict, "the sides are told apart"
    return one.verdict


def reasons(expected, actual):
    return list(compare_structured(expected, actual).reasons)


# --- the same in another dress ------------------------------------------------------------------------------------

SAME = {
    "key order": (BOOKING, '{"args":{"note":null,"time":"19:30","outdoor":true,"guests":4},"tool":"book_table"}'),
    "spaces": (BOOKING, json.dumps(json.loads(BOOKING), indent=4)),
    "numbers": ('{"a": 20.0, "b": 1e3, "c": -0.0}', '{"a": 20, "b": 1000, "c": 0}'),
    "long numbers": ('{"a": 123456789012345678901234567890.10}', '{"a": 123456789012345678901234567890.1}'),
    "escapes": ('{"a": "caf\\u00e9"}', '{"a": "café"}'),
    "composition": ('{"a": "caf\u00e9"}', '{"a": "cafe\u0301"}'),
    "fence": (BOOKING, f"```json\n{BOOKING}\n```"),
    "bare fence": (BOOKING, f"```\n{BOOKING}\n```"),
    "tilde fence": (BOOKING, f"~~~json\n{BOOKING}\n~~~"),
    "introduction": (BOOKING, f"Here is the call:\n\n```json\n{BOOKING}\n```"),
    "introduction without a fence": (BOOKING, f"Sure, the call:\n{BOOKING}"),
    "python literal": (BOOKING, str(json.loads(BOOKING))),
    "javascript literal": ('{"a": [1, null], "b": true}', "{'a': [1, null,], 'b': true,}"),
    "json lines": ('{"a": 1}\n{"a": 2}\n', '[{"a": 1}, {"a": 2.0}]'),
    "yaml": (BOOKING, "```yaml\n" + yaml.safe_dump(json.loads(BOOKING)) + "```"),
    "bare yaml": (BOOKING, yaml.safe_dump(json.loads(BOOKING))),
    "yaml flow": ("```yaml\na: [1, 2]\nb: {c: yes}\n```", "```yaml\na:\n- 1\n- 2\nb:\n  c: true\n```"),
    "yaml document": ('{"a": "x", "n": "007"}', "---\na: x\nn: 007\n"),
    "labels": ('{"order_id": "A-1", "amount": 12.5}', "- **Order ID:** A-1\n- **Amount:** 12.50"),
    "full-width labels": ('{"部屋": "和室", "泊数": 2}', "部屋:和室\n泊数:2".replace(":", "\uff1a")),
    "toml": ('{"a": {"b": [1, 2]}, "d": "2026-01-02"}', "```toml\nd = 2026-01-02\n[a]\nb = [1, 2]\n```"),
    "list": ('["red", "green"]', "- red\n- green"),
    "csv rows": ("id,name,paid\n1,Ann,3.50\n2,Bo,4\n", "id,name,paid\n2,Bo,4.00\n1,Ann,3.5"),
    "csv columns": ("id,name\n1,Ann\n2,Bo\n", "name,id\nAnn,1\nBo,2\n"),
    "csv quotes": ('id,name\n1,"Smith, J"\n', 'id;name\n1;"Smith, J"\n'),
    "csv and json": ("id,name,ok\n1,Ann,true\n2,Bo,\n", '[{"id":2,"name":"Bo","ok":null},{"name":"Ann","id":1,"ok":true}]'),
    "table": ("| id | name |\n|---:|:---|\n| 1 | **Ann** |\n| 2 | `Bo` |", "|name|id|\n|-|-|\n|Bo|2|\n|Ann|1|"),
    "table and csv": ("| Order ID | Sum |\n|--|--|\n| 7 | 1,200 |", "order_id,sum\n7,1200\n"),
    "table and wrapped json": ("|a|b|\n|-|-|\n|1|x|\n|2|y|", '{"rows": [{"a": 2, "b": "y"}, {"a": 1, "b": "x"}]}'),
    "call": (BOOKING, 'book_table(guests=4, time="19:30", outdoor=True, note=None)'),
    "call in json": (BOOKING, json.dumps({"name": "book_table", "arguments": json.loads(BOOKING)["args"]})),
    "openai call": (
        BOOKING,
        json.dumps(
            [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "book_table", "arguments": json.dumps(json.loads(BOOKING)["args"])},
                }
            ]
        ),
    ),
    "calls": (
        "lookup(id=1)\ncrm.reset(id=1, force=False)",
        '[{"tool": "lookup", "args": {"id": 1}}, {"tool": "crm.reset", "args": {"force": false, "id": 1}}]',
    ),
    "python": ("```python\ndef f(a, b):\n    '''Add.'''\n    return a+b  # sum\n```", "def f(a,b): return (a + b)"),
    "python quotes": ("x = {'a': 1}\nprint(x)", 'x = {"a": 1}  # one\n\nprint( x )'),
    "sql": ("SELECT id, name FROM users WHERE age >= 18;", "select id,\n  name -- who\nfrom Users where AGE>=18.0"),
    "sql signs": ("```sql\nSELECT 1 WHERE a <> 'X'\n```", "select 1 where a != 'X';"),
    "sql conditions": ("SELECT a FROM t WHERE x = 1 AND y < 2 ORDER BY a", "select a from t where y < 2 and x = 1 order by a"),
    "sql joined conditions": (
        "SELECT * FROM a JOIN b ON a.i = b.i AND a.j = b.j WHERE (x = 1 OR y = 2) AND z = 3",
        "SELECT * FROM a JOIN b ON a.j = b.j AND a.i = b.i WHERE z = 3 AND (x = 1 OR y = 2)",
    ),
    "python imports": ("import sys\nimport os\nfrom a import b\nprint(b)", "from a import b\nimport os\nimport sys\n\nprint(b)"),
    "bare toml": ('name = "x"\n[server]\nport = 80\n', '{"name": "x", "server": {"port": 80}}'),
    "toml and yaml": ('level = "low"\ntags = ["a", "b"]', "```yaml\nlevel: low\ntags: [a, b]\n```"),
    "xml": ('<user role="editor" team="maps"/>', '<user team="maps"   role="editor"></user>'),
    "xml and json": ("<order><id>5512</id><item>a</item><item>b</item></order>", '{"order": {"id": 5512, "item": ["a", "b"]}}'),
    "calls with names": ("plot(data=frame, kind='bar')", 'plot(kind="bar", data=frame)'),
    "shell options": ("kubectl get pods -n prod --watch", "kubectl get pods --watch -n prod"),
    "shell quotes": ("$ git commit -m 'a b' --no-verify", '```bash\ngit commit --no-verify \\\n  -m "a b"\n```'),
    "shell equals": ("curl --retry=3 -sSf https://x.test/a", "curl --retry 3 -Ssf https://x.test/a"),
}  # fmt: skip


@pytest.mark.parametrize("dress", SAME)
def test_the_same_values_are_the_same_in_any_dress(dress):
    assert verdict(*SAME[dress]) == "same"


DIFFERENT = {
    "a number": (BOOKING, BOOKING.replace("4", "5"), "args.guests: 4 expected, 5 got"),
    "a number's size": ('{"args": {"amount": 20.0}}', '{"args": {"amount": 200.0}}', "args.amount: 20.0 expected, 200.0 got"),
    "a long number": ('{"a": 12345678901234567890}', '{"a": 12345678901234567891}', "a: 12345678901234567890 expected"),
    "a type": ('{"a": "1"}', '{"a": 1}', 'a: "1" expected, 1 got'),
    "one is not true": ('{"a": 1}', '{"a": true}', "a: 1 expected, true got"),
    "a tool": (BOOKING, BOOKING.replace("book", "cancel"), 'tool: "book_table" expected, "cancel_table" got'),
    "a key that went": ('{"a": 1, "b": 2}', '{"a": 1}', "b: 2 expected, nothing got"),
    "a key that came": ('{"a": 1}', '{"a": 1, "b": null}', "b: nothing expected, null got"),
    "a list's order": ('["a", "b"]', '["b", "a"]', '[0]: "a" expected, "b" got'),
    "swapped values": ('{"from": "x", "to": "y"}', '{"from": "y", "to": "x"}', 'from: "x" expected, "y" got'),
    "a value in yaml": (BOOKING, yaml.safe_dump(json.loads(BOOKING)).replace("4", "6"), "args.guests: 4 expected"),
    "a quoted yaml number": ('{"a": 7}', "```yaml\na: '7'\n```", 'a: 7 expected, "7" got'),
    "a cell": ("id,name\n1,Ann\n2,Bo\n", "id,name\n1,Ann\n2,Bob\n", 'rows[1].name: "Bo" expected, "Bob" got'),
    "a row": ("id,name\n1,Ann\n2,Bo\n", "id,name\n1,Ann\n", "rows[1]: "),
    "swapped cells": ("|a|b|\n|-|-|\n|1|2|", "|a|b|\n|-|-|\n|2|1|", "rows[0].a"),
    "an id with zeros": ("id,name\n007,Ann\n", "id,name\n7,Ann\n", 'rows[0].id: "007" expected, "7" got'),
    "a row twice": ("a,b\n1,2\n1,2\n3,4\n", "a,b\n1,2\n3,4\n3,4\n", "rows["),
    "an argument of a call": ("f(a=1)", "f(a=2)", "args.a: 1 expected, 2 got"),
    "a call more": ("f(a=1)", "f(a=1)\ng(a=1)", ""),
    "python": ("def f(a, b):\n    return a + b", "def f(a, b):\n    return a - b", 'f: "def f(a, b):'),
    "python strings": ("def f():\n    return 'a'", "def f():\n    return 'A'", "f: "),
    "sql sign": ("DELETE FROM t WHERE d < '2024'", "DELETE FROM t WHERE d > '2024'", "statement_1: "),
    "sql string": ("SELECT * FROM t WHERE a = 'X'", "SELECT * FROM t WHERE a = 'x'", "statement_1: "),
    "sql not": ("SELECT a FROM t WHERE x IS NULL;", "SELECT a FROM t WHERE x IS NOT NULL;", "statement_1: "),
    "sql between": (
        "SELECT a FROM t WHERE x BETWEEN 1 AND 5 AND y = 9",
        "SELECT a FROM t WHERE x BETWEEN 1 AND 9 AND y = 5",
        "statement_1: ",
    ),
    "sql or": ("SELECT a FROM t WHERE x = 1 AND y = 2 OR z = 3", "SELECT a FROM t WHERE x = 1 AND z = 3 OR y = 2", "statement_1: "),
    "xml text": ("<a><b>1</b></a>", "<a><b>2</b></a>", 'a.b: "1" expected, "2" got'),
    "a name in a call": ("plot(data=q3, y='units')", "plot(data=q3, y='revenue')", 'args.y: "units" expected'),
    "shell": ("kubectl delete pod web -n prod", "kubectl delete pod web -n staging", 'command_1[4]: "-n=prod" expected'),
    "shell command": ("git push --force origin main", "git push --force-with-lease origin main", "command_1"),
    "shell pipe": ("$ cat a -n | sort", "$ cat a -n > sort", "command_1"),
}  # fmt: skip


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_changed_value_is_different_and_named_by_its_path(change):
    expected, actual, said = DIFFERENT[change]
    assert verdict(expected, actual) == "different"
    assert said in "\n".join(reasons(expected, actual))


UNDECIDED = {
    "prose": ("The store is open.", "The store is closed."),
    "a sentence with a colon": ("Note: the store opens at nine", "Note: the store opens at ten"),
    "labelled prose": ("Cause: a full disk\nFix: delete old logs", "Cause: the disk was full\nFix: remove old logs"),
    "bullets": ("- Check the oil\n- Inflate the tyres", "* Inflate the tyres\n* Check the oil"),
    "titled bullets": ("Bring:\n- a coat\n- boots", "Bring:\n- boots\n- a coat"),
    "a list of clauses": ("Three things: a, b and c.", "Three things: c, b and a."),
    "structure and prose": (BOOKING, "I booked a table for four."),
    "other classes": ("SELECT a FROM t WHERE b = 1", BOOKING),
    "a duplicate key": ('{"a": 1, "a": 2}', '{"a": 2}'),
    "not a number": ('{"a": NaN}', '{"a": NaN}'),
    "scalars": ("42", "43"),
    "cut json": (BOOKING, BOOKING[:-1]),
    "several fences": ("```json\n1\n```\n```json\n2\n```", "```json\n1\n```"),
    "prose around": (f"It failed at 10:00.\n```json\n{BOOKING}\n```", f"It failed at 11:00.\n```json\n{BOOKING}\n```"),
    "two sentences with commas": ("Hello, world\nGoodbye, moon", "Hello, world\nGoodbye, sun"),
    "from in a sentence": ("Select the items from the list (all)", "Select the rows from the list (all)"),
    "shell words moved": ("docker run -it img sh", "docker run img sh -it"),
    "order in find": ("find . -name x -type f", "find . -type f -name x"),
    "raise in prose": ("raise awareness", "raise concerns"),
    "an assignment in prose": ("Total = 5", "total = 5"),
    "other labels": ('{"city": "Oslo"}', "Town: Oslo\nNights: 3"),
    "labels of another outline": ("Leave balance:\n- annual: 12\n- sick: 0", '{"leave_balance": {"annual": 12, "sick": 0}}'),
    "text beside children": ("<p>one <b>two</b></p>", "<p>one <b>three</b></p>"),
    "calls of unknown names": ("f(x)", "f(y)"),
    "unknown languages": ("```rust\nfn a() {}\n```", "```rust\nfn b() {}\n```"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDECIDED)
def test_what_is_not_clearly_structure_is_left_to_be_compared_as_text(case):
    assert verdict(*UNDECIDED[case]) == "undecided"


def test_it_is_said_what_each_side_was_taken_for():
    found = compare_structured(BOOKING, "I booked it.")
    assert found.forms == ("JSON", "text")
    assert found.reasons == ("expected is JSON, actual is text: compared as text",)
    assert compare_structured("Yes.", "No.").reasons == ()


def test_prose_around_the_same_data_is_handed_back():
    found = compare_structured(*UNDECIDED["prose around"])
    assert found.around == ("It failed at 10:00.", "It failed at 11:00.")
    assert "other words around" in found.reasons[0]


# --- strings ------------------------------------------------------------------------------------------------------


def test_strings_are_exact_unless_the_caller_says_that_they_mean_the_same():
    expected = '{"id": "A-1", "summary": "It rained all day."}'
    actual = expected.replace("It rained all day.", "All day it rained.")
    asked = []

    def rule(path, one, other):
        asked.append((path, one, other))
        return path == "summary"

    assert verdict(expected, actual) == "different"
    assert compare_structured(expected, actual, texts=rule).verdict == "same"
    assert asked == [("summary", "It rained all day.", "All day it rained.")]
    assert compare_structured(expected, actual.replace("A-1", "A-2"), texts=rule).verdict == "different"


def test_code_is_never_given_to_the_caller():
    asked = compare_structured("f(x='a')\ny = 1", "f(x='b')\ny = 1", texts=lambda *_: pytest.fail("asked"))
    assert asked.verdict == "undecided"


# --- laws ---------------------------------------------------------------------------------------------------------

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
CONTAINERS = st.lists(VALUES) | st.dictionaries(st.text(), VALUES)


@given(CONTAINERS)
@settings(max_examples=40, deadline=None)
def test_any_json_is_itself_in_another_dress(value):
    text = json.dumps(value)
    assert verdict(text, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)) == "same"
    assert verdict(text, f"```json\n{text}\n```") == "same"


@given(st.dictionaries(st.text("abcdefgh_", min_size=1), VALUES, min_size=1))
@settings(max_examples=40, deadline=None)
def test_any_json_is_itself_as_yaml(value):
    if any(ord(c) < 32 or ord(c) > 126 for c in json.dumps(value, ensure_ascii=False)):
        return  # what YAML may hold is another question
    written = yaml.safe_dump(value, allow_unicode=True)
    assert verdict(json.dumps(value), f"```yaml\n{written}```") == "same"


@given(CONTAINERS, CONTAINERS)
@settings(max_examples=40, deadline=None)
def test_two_json_values_are_the_same_exactly_where_they_are_equal(one, other):
    equal = repr(_typed(one)) == repr(_typed(other))
    assert verdict(json.dumps(one), json.dumps(other)) == ("same" if equal else "different")


def _typed(value):
    """The value with numbers that are equal made one."""
    if isinstance(value, dict):
        return {key: _typed(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return float(value) if isinstance(value, float) and value == int(value) else value


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_text_is_too_odd(one, other):
    assert compare_structured(one, other).verdict in {"same", "different", "undecided"}
    assert compare_structured(one, one).verdict != "different"


PROSE = re.compile(r"[A-Z][a-z]{1,8}(?:,? [a-z]{1,8}){2,10}[.!?]", re.ASCII)


@given(st.lists(st.from_regex(PROSE, fullmatch=True), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_sentences_are_never_certainly_structure(sentences):
    for joint in (" ", "\n", "\n\n", "\n- "):
        assert not any(reading.certain for reading in readings(joint.join(sentences)))


# --- hostile input ------------------------------------------------------------------------------------------------

BOMB = "---\na: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "a bomb of aliases": BOMB,
    "a cycle of aliases": "---\na: &a\n  b: *a\n",
    "xml with entities": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "deep xml": "<a>" * 5_000 + "</a>" * 5_000,
    "a tag that builds objects": "```yaml\na: !!python/object/apply:os.system [id]\n```",
    "deep json": "[" * 50_000 + "]" * 50_000,
    "deep yaml": "```yaml\n" + "[" * 5_000 + "]" * 5_000 + "\n```",
    "deep python": "```python\nx = " + "-" * 50_000 + "1\n```",
    "deep literal": "{'a': " * 300 + "1" + "}" * 300,
    "a key that is a list": "```yaml\n? [a]\n: b\n```",
    "a key twice": "```yaml\na: 1\na: 2\n```",
    "two documents": "---\na: 1\n---\na: 2\n",
    "nothing": "",
    "fences without an end": "```x\n" * 20_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_input_is_no_structure(case):
    found = compare_structured(HOSTILE[case], '{"a": 1}')
    assert found.verdict == "undecided"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": ' + "1" * 100_000 + "}", '{"a": ' + "1" * 100_000 + ".0}", True),
        ('{"a": 1e999999999}', '{"a": 10e999999998}', True),
        ('{"a": 1e999999999}', '{"a": 1e999999998}', False),
        ('{"a": 1e99999999999999999999}', '{"a": 1e99999999999999999998}', False),
        ("a,b\n1e999999,x\n", "a,b\n1e999998,x\n", False),
    ],
)
def test_numbers_of_any_size_compare_exactly(one, other, same):
    assert verdict(one, other) == ("same" if same else "different")


def test_large_inputs_take_linear_time():
    rows = ["id,name,amount", *(f"{i},user{i},{i}.50" for i in range(8_000))]
    objects = [{"id": i, "name": f"user{i}", "amount": i + 0.5} for i in range(8_000)]
    cases = [
        ("\n".join(rows), "\n".join([rows[0], *rows[:0:-1]])),
        ("\n".join(rows), json.dumps(objects[::-1])),
        (json.dumps(objects), json.dumps(objects)),
        ("x " * 200_000, "y " * 200_000),
        (" " * 200_000 + "x", "\n" * 200_000 + "x"),
        ("a: " + " " * 200_000 + "b\nc: d", '{"a": 1}'),
        ("SELECT (" + "/*" * 50_000, "SELECT (" + "-" * 50_000),
        ("|" * 200_000 + "\n|-|", "|-" * 100_000),
    ]
    for one, other in cases:
        started = time.process_time()
        compare_structured(one, other)
        assert time.process_time() - started < 2


# --- values -------------------------------------------------------------------------------------------------------


def test_an_inserted_item_shifts_no_other():
    [found] = value_differences([{"n": 1}, {"n": 2}, {"n": 3}], [{"n": 1}, {"n": 9}, {"n": 2}, {"n": 3}])
    assert (found.path, found.got) == ("[1]", {"n": 9})


def test_at_most_a_thousand_differences_are_listed():
    assert len(value_differences(list(range(5000)), list(range(1, 5001)))) == 1000
