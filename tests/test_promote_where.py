"""The filter language: what it lets through, and where its errors point."""

from __future__ import annotations

import pytest

import promote_sources as made
from spantape.errors import UsageError
from spantape.promote.facts import facts_of
from spantape.promote.where import parse_where
from tape_spans import span


def facts(*attributes, **more):
    spans = [span(number, given, **more) for number, given in enumerate(attributes)]
    return facts_of(spans, run_id="r1", resource={"service.name": "shop", "replicas": 3})


RUN = facts(
    {"spantape.kind": "agent", "gen_ai.agent.name": "planner", "gen_ai.usage.input_tokens": 999},
    {
        "spantape.kind": "exchange",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cost": 0.25,
        "http.response.status_code": 200,
        "tags": ("red", "blue"),
        "flag": True,
        "url.full": "https://api.example.com/v1/chat",
    },
    {
        "spantape.kind": "exchange",
        "gen_ai.request.model": "claude",
        "error.type": "429",
        "llm.cost.total": 0.5,
    },
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "service.name=shop",
        "replicas>2",
        "error=true",
        "errors=1",
        "cost>0.7 cost<0.8",
        "cost>=0.75 cost<=0.75",
        "tokens=42",
        "input_tokens=30 output_tokens>11",
        "steps=3",
        "model=gpt-4o model=claude",
        "model~^gpt",
        "model!=llama",
        "model!~^llama",
        "agent=planner",
        "grade=exact",
        "name=planner",
        "run=r1",
        "duration<1ms",
        "duration<0.5s duration<2m duration<1h",
        "http.response.status_code=200",
        "http.response.status_code>=200",
        "tags=blue",
        "flag=true",
        "url.full~'/v1/ch[a-z]+$'",
        'url.full="https://api.example.com/v1/chat"',
        "nothing!=x",
        "nothing!~x",
        f"trace={'ab' * 16}",
    ],
)
def test_it_lets_through(text):
    assert parse_where(text)(RUN)


@pytest.mark.parametrize(
    "text",
    [
        "service.name=other",
        "service.name!=shop",
        "error=false",
        "cost>0.75",
        "tokens>42",
        "model=gpt-4",
        "model!=claude",
        "model!~claude",
        "nothing=x",
        "nothing>1",
        "nothing~x",
        "agent>3",
        "flag=false",
        "tags=green",
        "service.name=shop error=false",
    ],
)
def test_it_holds_back(text):
    assert not parse_where(text)(RUN)


def test_a_cost_is_never_invented():
    free = facts({"spantape.kind": "exchange", "gen_ai.usage.input_tokens": 5})
    assert free.cost is None
    assert not parse_where("cost>=0")(free)
    assert parse_where("cost!=0")(free)


def test_a_total_of_an_agent_is_not_counted_again():
    assert (RUN.input_tokens, RUN.output_tokens) == (30, 12)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("service.name", 12, "expected =, !=, >, >=, <, <=, ~ or !~ after 'service.name'"),
        ("a=1 cost>", 9, "expected a value after 'cost>'"),
        ("a=1 cost>much", 9, "expected a number after 'cost>'"),
        ("tokens=many", 7, "expected a number after 'tokens='"),
        ("error=maybe", 6, "expected true or false"),
        ("model~(", 6, "expected a regular expression"),
        ("=3", 0, "expected a key"),
        ("a=1  'b'=2", 5, "expected a key"),
        ("a='open", 2, "expected a value after 'a='"),
        ("a='x'b=2", 5, "expected a blank between two terms"),
    ],
)
def test_an_error_points_at_the_token(text, at, why):
    with pytest.raises(UsageError) as caught:
        parse_where(text)
    head, shown, pointer = str(caught.value).split("\n")
    assert why in head
    assert shown == f"  {text}"
    assert pointer == f"  {' ' * at}^"


def test_the_facts_of_a_run_of_ours():
    told = facts_of(made.run(turns=3), run_id="x")
    assert (told.steps, told.agents, told.errors, told.grade) == (5, ("planner",), 0, "exact")
    assert told.resource == {"service.name": "shop"}
