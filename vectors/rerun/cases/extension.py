"""Verifying by our extension: several steps, embedders, calls of tools, and a signer that is missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.common import ACROSS, NEAR, OTHER, SIGNER, STEP, UP, Case, Edit, Json, case, changed, drop, put
from spantape.rerun import capture, sign

CALLS = [
    [{"name": "lookup", "arguments": {"city": "Oslo"}}, {"name": "lookup", "arguments": {"city": "Rome"}}],
    [{"name": "book", "arguments": {"city": "Oslo", "nights": 2, "extras": ["sauna"]}}],
]
EMBEDDER = {"id": "sentence-transformers/all-MiniLM-L6-v2", "digest": "sha256:" + "b" * 64}


def steps(order: str = "parallel", arguments: str = "digest") -> Json:
    """A record of three steps: byte, semantic, structural; the first is a reasoning model's."""
    common = {"model": STEP["model"], "inputs": STEP["inputs"], "runtime": STEP["runtime"]}
    return {
        "steps": [
            {
                **common,
                "id": "plan",
                "sampling": {"reasoning_effort": "low", "max_tokens": 512},
                "expected": {"transcript": "Oslo, then Rome."},
                "tolerance": {"level": "byte"},
            },
            {
                **common,
                "sampling": {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "stop": ["END"]},
                "expected": {"semantic_embedding": UP, "embedder": EMBEDDER},
                "tolerance": {"level": "semantic", "threshold": 0.9},
            },
            {
                **common,
                "sampling": {},
                "runtime": {"class": "local"},
                "expected": {"calls": CALLS},
                "tolerance": {"level": "structural", "calls": {"order": order, "arguments": arguments}},
            },
        ]
    }


ACTUAL: Json = {
    "steps": [
        {"id": "plan", "inputs": STEP["inputs"], "output": {"transcript": "Oslo, then Rome."}},
        {"inputs": STEP["inputs"], "output": {"embedding": NEAR, "embedder": EMBEDDER}},
        {"inputs": STEP["inputs"], "output": {"calls": CALLS}},
    ]
}


def step(document: Json, index: int) -> Json:
    """One step of a bundle or a record."""
    found: Json = document["steps"][index]
    return found


def cases() -> Iterator[Case]:
    """All of them."""
    yield case("three-steps-pass", "each by its own tolerance", capture(steps(), SIGNER), ACTUAL)
    yield case("unsigned-passes", "never signed, nobody asks", capture(steps()), ACTUAL)
    yield from counts()
    yield from each_step()
    yield from calls()
    yield from signers()
    yield from schema()


def counts() -> Iterator[Case]:
    """Steps that are missing, too many, or others."""
    bundle = capture(steps(), SIGNER)
    fewer = {"steps": ACTUAL["steps"][:2]}
    yield case(
        "fewer-steps", "a step is missing", bundle, fewer, errors=("StepCountMismatch:expected 3, got 2",)
    )
    more = {"steps": [*ACTUAL["steps"], ACTUAL["steps"][0]]}
    yield case("more-steps", "a step too many", bundle, more, errors=("StepCountMismatch:expected 3, got 4",))
    renamed = changed(ACTUAL, lambda a: step(a, 0).update(id="act"))
    yield case("another-id", "the step of another name", bundle, renamed, errors=("StepMismatch:steps[0]:",))
    unnamed = changed(ACTUAL, lambda a: step(a, 0).pop("id"))
    yield case("id-left-out", "a record need not name its steps", bundle, unnamed)


def each_step() -> Iterator[Case]:
    """What fails is told by step."""
    bundle = capture(steps(), SIGNER)

    def bad(name: str, edit: Any, *errors: str) -> Case:
        return case(f"step-{name}", name.replace("-", " "), bundle, changed(ACTUAL, edit), errors=errors)

    yield bad(
        "other-messages",
        lambda a: step(a, 1)["inputs"].update(messages=[]),
        "InputHashMismatch:steps[1].messages_sha256",
    )
    yield bad(
        "other-transcript",
        lambda a: step(a, 0)["output"].update(transcript=""),
        "TranscriptHashMismatch:steps[0]:",
    )
    yield bad(
        "other-meaning",
        lambda a: step(a, 1)["output"].update(embedding=ACROSS),
        "SemanticBelowThreshold:steps[1]:cosine=0.0000,threshold=0.9",
    )
    yield bad(
        "another-embedder",
        lambda a: step(a, 1)["output"].update(embedder={"id": "another"}),
        "EmbedderMismatch:steps[1]:",
    )
    yield bad(
        "another-digest-of-the-embedder",
        lambda a: step(a, 1)["output"]["embedder"].update(digest="sha256:" + "c" * 64),
        "EmbedderMismatch:steps[1]:",
    )
    yield bad(
        "embedder-not-named", lambda a: step(a, 1)["output"].pop("embedder"), "EmbedderMismatch:steps[1]:"
    )
    yield bad("calls-absent", lambda a: step(a, 2).update(output={}), "MissingCalls:steps[2]:")
    yield case(
        "step-fingerprint-drift",
        "a warning by step",
        bundle,
        changed(ACTUAL, lambda a: step(a, 2).update(runtime={"fingerprint": "fp_2"})),
        warnings=("FingerprintDrift:steps[2]:bundle=fp_1,actual=fp_2",),
    )


def calls() -> Iterator[Case]:
    """Each policy, with a graph that is equal under it and one that is not."""
    lookups, book = CALLS
    turned = [list(reversed(lookups)), book]
    regrouped = [[lookups[0]], [lookups[1]], book]
    elsewhere = changed({"c": CALLS}, lambda d: d["c"][1][0]["arguments"].update(city="Bergen"))["c"]
    longer = changed({"c": CALLS}, lambda d: d["c"][1][0]["arguments"].update(late=True))["c"]
    as_text = changed({"c": CALLS}, lambda d: d["c"][1][0]["arguments"].update(nights="2"))["c"]
    no_extras = changed({"c": CALLS}, lambda d: d["c"][1][0]["arguments"].update(extras=[]))["c"]
    renamed = changed({"c": CALLS}, lambda d: d["c"][1][0].update(name="cancel"))["c"]
    spelled = changed({"c": CALLS}, lambda d: d["c"][1][0]["arguments"].update(nights=2.0))["c"]
    table: list[tuple[str, str, str, Any, bool]] = [
        ("equal", "exact", "digest", CALLS, True),
        ("number-spelled-2.0", "exact", "digest", spelled, True),
        ("turned-within-a-group", "exact", "digest", turned, False),
        ("turned-within-a-group", "parallel", "digest", turned, True),
        ("regrouped", "parallel", "digest", regrouped, False),
        ("regrouped", "any", "digest", regrouped, True),
        ("groups-turned", "parallel", "ignored", [book, lookups], False),
        ("groups-turned", "any", "ignored", [book, lookups], True),
        ("another-argument", "parallel", "digest", elsewhere, False),
        ("another-argument", "parallel", "shape", elsewhere, True),
        ("another-argument", "parallel", "ignored", elsewhere, True),
        ("one-more-argument", "parallel", "shape", longer, False),
        ("one-more-argument", "parallel", "ignored", longer, True),
        ("argument-of-another-type", "parallel", "shape", as_text, False),
        ("empty-array", "parallel", "shape", no_extras, True),
        ("another-tool", "any", "ignored", renamed, False),
        ("one-call-less", "any", "ignored", [lookups[:1], book], False),
        ("one-call-more", "any", "ignored", [lookups, book, book], False),
        ("no-calls", "any", "ignored", [], False),
    ]
    for name, order, arguments, graph, equal in table:
        yield case(
            f"calls-{name}-{order}-{arguments}",
            f"order {order}, arguments {arguments}",
            capture(steps(order, arguments), SIGNER),
            changed(ACTUAL, put_calls(graph)),
            errors=() if equal else ("CallMismatch:steps[2]:",),
        )


def put_calls(graph: Any) -> Edit:
    """An edit that makes `graph` the calls of the third step."""
    return lambda actual: step(actual, 2).update(output={"calls": graph})


def signers() -> Iterator[Case]:
    """A signature taken off, and signers that are not the key."""
    bundle = capture(steps(), SIGNER)
    yield case(
        "stripped-signature",
        "the bundle names its signer, so a signature taken off is missed without any policy",
        changed(bundle, drop("signature")),
        ACTUAL,
        errors=("Unsigned:",),
    )
    resigned = changed(sign(bundle, OTHER), put("signer", bundle["signer"]))
    yield case(
        "signer-not-the-key",
        "the signer named and the key differ",
        resigned,
        ACTUAL,
        errors=("BadSignature:",),
    )
    yield case(
        "resigned-passes", "signed anew, signer and all: nobody asks by whom", sign(bundle, OTHER), ACTUAL
    )
    yield case(
        "edited-step",
        "a step edited after signing",
        changed(bundle, lambda b: step(b, 1)["tolerance"].update(threshold=0.1)),
        ACTUAL,
        errors=("BadSignature:",),
    )
    yield case(
        "step-removed",
        "a step taken away after signing",
        changed(bundle, lambda b: b["steps"].pop()),
        {"steps": ACTUAL["steps"][:2]},
        errors=("BadSignature:",),
    )


def schema() -> Iterator[Case]:
    """Members missing, unknown or wrong, with their place."""
    bundle = capture(steps(), SIGNER)
    one = capture({"steps": [steps()["steps"][2]]})

    def bad(name: str, edit: Any, place: str, document: Json = bundle) -> Case:
        error = f"SchemaViolation:bundle: {place}:"
        return case(
            f"schema-{name}", name.replace("-", " "), changed(document, edit), ACTUAL, errors=(error,)
        )

    yield bad("steps-empty", put("steps", []), "steps")
    yield bad("steps-missing", drop("steps"), "steps")
    yield bad("steps-an-object", put("steps", {}), "steps")
    yield bad("of-v0.1-with-steps", put("rerun_version", "0.1"), "steps", capture(steps()))
    yield bad("newer-version", put("rerun_version", "0.1+spantape.2"), "rerun_version")
    yield bad("unknown-member", put("extra", 1), "extra")
    yield bad("unknown-in-step", lambda b: step(b, 1).update(extra=1), "steps[1].extra")
    yield bad("unknown-in-sampling", lambda b: step(b, 0)["sampling"].update(n=1), "steps[0].sampling.n")
    yield bad(
        "unknown-in-embedder",
        lambda b: step(b, 1)["expected"]["embedder"].update(x=1),
        "steps[1].expected.embedder.x",
    )
    yield bad(
        "embedder-missing", lambda b: step(b, 1)["expected"].pop("embedder"), "steps[1].expected.embedder"
    )
    yield bad(
        "embedder-without-id",
        lambda b: step(b, 1)["expected"]["embedder"].pop("id"),
        "steps[1].expected.embedder.id",
    )
    yield bad(
        "top_k-a-fraction", lambda b: step(b, 1)["sampling"].update(top_k=1.5), "steps[1].sampling.top_k"
    )
    yield bad("stop-a-text", lambda b: step(b, 1)["sampling"].update(stop="END"), "steps[1].sampling.stop")
    yield bad("same-id-twice", lambda b: step(b, 2).update(id="plan"), "steps[2].id")
    yield bad("calls-missing", lambda b: step(b, 2)["expected"].pop("calls"), "steps[2].expected.calls")
    yield bad(
        "call-policy-missing", lambda b: step(b, 2)["tolerance"].pop("calls"), "steps[2].tolerance.calls"
    )
    yield bad(
        "call-order-unknown",
        lambda b: step(b, 2)["tolerance"]["calls"].update(order="x"),
        "steps[2].tolerance.calls.order",
    )
    yield bad(
        "group-empty", lambda b: step(b, 2)["expected"].update(calls=[[]]), "steps[2].expected.calls[0]"
    )
    yield bad(
        "call-without-name",
        lambda b: step(b, 2)["expected"]["calls"][1][0].pop("name"),
        "steps[2].expected.calls[1][0].name",
    )
    yield bad(
        "arguments-in-the-open",
        lambda b: step(b, 2)["expected"]["calls"][1][0].update(arguments={"city": "Oslo"}),
        "steps[2].expected.calls[1][0].arguments",
    )
    yield bad("signer-key-short", put("signer.pubkey", "AAAA"), "signer.pubkey")
    yield bad(
        "shape-unknown",
        lambda b: _as_shape(b, {"object": {"city": "text"}}),
        "steps[0].expected.calls[0][0].arguments.object.city",
        one,
    )
    yield bad(
        "shape-object-an-array",
        lambda b: _as_shape(b, {"object": []}),
        "steps[0].expected.calls[0][0].arguments.object",
        one,
    )
    yield bad(
        "calls-without-policy-at-byte",
        lambda b: step(b, 0)["expected"].update(calls=[]),
        "steps[0].tolerance.calls",
    )
    yield bad(
        "shape-of-two",
        lambda b: _as_shape(b, {"object": {}, "array": []}),
        "steps[0].expected.calls[0][0].arguments",
        one,
    )
    plain = {"inputs": STEP["inputs"], "output": {}}
    yield case(
        "record-of-v0.1", "a record of one step", bundle, plain, errors=("SchemaViolation:actual: inputs:",)
    )
    yield case(
        "record-unknown-member",
        "an unknown member in a call",
        bundle,
        changed(ACTUAL, lambda a: step(a, 2)["output"]["calls"][0][0].update(id="call_1")),
        errors=("SchemaViolation:actual: steps[2].output.calls[0][0].id:",),
    )


def _as_shape(bundle: Json, shape: Any) -> None:
    step(bundle, 0)["tolerance"]["calls"]["arguments"] = "shape"
    step(bundle, 0)["expected"]["calls"] = [[{"name": "book", "arguments": shape}]]
