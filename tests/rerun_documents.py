"""A step, its record and keys for the tests of rerun bundles."""

import copy

from spantape.rerun import PrivateKey, encode_embedding

KEY = PrivateKey(bytes(range(32)))
OTHER = PrivateKey(bytes(range(1, 33)))

STEP = {
    "model": {"vendor": "openai", "id": "gpt-4o", "fingerprint": "fp_1"},
    "sampling": {"temperature": 0.5, "top_p": 1, "seed": 7},
    "inputs": {
        "system_prompt": "Answer in one word.",
        "messages": [{"role": "user", "content": "Capital of Norway?"}],
        "tools": [{"name": "lookup"}],
    },
    "runtime": {"class": "cloud", "tool_versions": {"python": "3.12"}},
    "expected": {"transcript": "Oslo"},
    "tolerance": {"level": "byte"},
}
ACTUAL = {"inputs": STEP["inputs"], "output": {"transcript": "Oslo"}}
UP, ACROSS = encode_embedding([1, 0]), encode_embedding([0, 1])
SEMANTIC = {
    **STEP,
    "expected": {"semantic_embedding": UP},
    "tolerance": {"level": "semantic", "threshold": 0.9},
}
STEPS = {
    "steps": [
        {**copy.deepcopy(STEP), "id": "ask", "sampling": {"reasoning_effort": "low"}},
        {
            **STEP,
            "expected": {"calls": [[{"name": "book", "arguments": {"nights": 2}}]]},
            "tolerance": {"level": "structural", "calls": {"order": "parallel", "arguments": "digest"}},
        },
    ]
}
ACTUAL_STEPS = {
    "steps": [
        ACTUAL,
        {**ACTUAL, "output": {"calls": [[{"name": "book", "arguments": {"nights": 2.0}}]]}},
    ]
}


def without(document, name):
    return {member: value for member, value in document.items() if member != name}


def edited(document, path, value):
    """A deep copy of `document` with the member at `path`, a tuple, set to `value`."""
    made = copy.deepcopy(document)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return made


def places(value, path=()):
    """The paths of all that is in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))
