"""Cassettes that we write give every exchange back, to us and to vcrpy, whatever its bytes."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from spantape._model import Exchange, Request, Response
from spantape.tape.foreign.importing import import_files
from spantape.tape.foreign.vcr_out import export_vcr
from spantape.tape.write import write_tape
from tape_spans import exchange_span, sealed

bodies = st.one_of(
    st.binary(max_size=40), st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))
)
values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=8)
headers = st.lists(st.tuples(st.sampled_from(["a", "b"]), values), max_size=3)
exchanges = st.builds(
    Exchange,
    st.builds(
        Request, st.sampled_from(["GET", "POST"]), st.just("https://h/p?q=1"), headers.map(tuple), bodies
    ),
    st.builds(Response, st.integers(200, 599), headers.map(tuple), bodies),
)


def exchange(body, header="x"):
    return Exchange(Request("POST", "https://h/", (("a", header),), body), Response(200, (), body))


def grouped(pairs):
    """Headers as a cassette holds them: by name, in the order of their first appearance."""
    return {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def written(tmp_path, given_exchanges):
    tape = write_tape(tmp_path / "a.tape", [exchange_span(n, each) for n, each in enumerate(given_exchanges)])
    (tmp_path / "c.yaml").write_bytes(b"".join(export_vcr(tape).pieces))
    return tmp_path / "c.yaml"


@given(st.lists(exchanges, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    [
        exchange("\x85\u2028\ufeff\r\n\t \0 yes: no 12:30 !x &a *a".encode()),
        exchange(b"- a\n- b\n"),
        exchange(b"2026-01-01"),
    ]
)
@example(
    [exchange(b"1e3", "~"), exchange(b"null", " padded "), exchange("\U0001f600\ud7ff\ue000\uffff".encode())]
)
def test_every_exchange_comes_back(tmp_path_factory, given_exchanges):
    path = written(tmp_path_factory.mktemp("vcr"), given_exchanges)
    (found,) = import_files([path], path.with_name("b.tape")).imported
    requests, responses = deserialize(path.read_text(encoding="utf-8"), yamlserializer)
    for each, step, request, response in zip(
        given_exchanges, found.tape.steps, requests, responses, strict=True
    ):
        back = step.exchange()
        for one, other in ((each.request, back.request), (each.response, back.response)):
            assert one.body == other.body
            assert grouped(one.headers) == grouped(other.headers)
        assert (request.body or b"") == each.request.body
        assert response["body"]["string"] == each.response.body
        assert response["status"]["code"] == each.response.status
        assert response["headers"] == grouped(each.response.headers)


@pytest.mark.parametrize("count", [0, 1])
def test_a_tape_of_any_length_is_a_cassette(tmp_path, count):
    tape = sealed(tmp_path / "a.tape", turns=count) if count else write_tape(tmp_path / "a.tape", [])
    text = b"".join(export_vcr(tape).pieces).decode()
    assert len(deserialize(text, yamlserializer)[0]) == count
