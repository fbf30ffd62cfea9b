"""The calls of tools in a step, as a bundle carries them: names, and digests or shapes of the arguments.

A graph is a list of groups, the calls of one answer each; `spantape.tolerance.calls` compares two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spantape.rerun.schema import hash_of

Graph = Sequence[Sequence[Mapping[str, Any]]]
"""Calls by group, each with a name and its arguments (absent ones are null)."""


def describe(graph: Graph, policy: Mapping[str, Any], *, what: str, place: str) -> list[list[dict[str, Any]]]:
    """The graph with no more than what `policy` (`{"order", "arguments"}`) looks at.

    Arguments become their hash ("digest"), their shape ("shape"), or are left out ("ignored").

    Raises:
        SchemaViolation: arguments have no canonical form; `place` is where the graph stands in the document `what`.
    """
    return [
        [
            _described(call, policy["arguments"], what, f"{place}[{i}][{j}].arguments")
            for j, call in enumerate(group)
        ]
        for i, group in enumerate(graph)
    ]


def differences(expected: Graph, got: Graph, policy: Mapping[str, Any]) -> list[str]:
    """Where two described graphs differ, a line for each place; [] where they are equal under the policy."""
    from spantape.tolerance.calls import CallPolicy, call_differences

    compared = CallPolicy(order=policy["order"], arguments=policy["arguments"])
    return [str(one) for one in call_differences(expected, got, compared)]


def _described(call: Mapping[str, Any], look_at: str, what: str, place: str) -> dict[str, Any]:
    if look_at == "ignored":
        return {"name": call["name"]}
    arguments = call.get("arguments")
    digest = hash_of(arguments, what=what, place=place)  # also where only the shape counts: it must be JSON
    if look_at == "digest":
        return {"name": call["name"], "arguments": digest}
    from spantape.tolerance.calls import argument_shape

    return {"name": call["name"], "arguments": argument_shape(arguments)}
