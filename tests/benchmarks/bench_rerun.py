"""Bundles captured, signed and verified, beside agent-rerun: `python tests/benchmarks/bench_rerun.py`.

One step with a messages array of 10 KB and one of 1 MB, as an agent has them (prose, calls of tools and their
results), at byte tolerance; in short and in long messages. Both implementations run in interleaved rounds in one
process, and the figures are the medians of the rounds in CPU microseconds for one call. Each bundle must be the
other's, byte for byte. "verify" is the first time that a bundle is seen, "verify again" another record by the same
bundle, whose signature is then known to hold. What Ed25519 itself takes, which both have from `cryptography`, stands
below.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import agent_rerun

from spantape.rerun import PrivateKey, capture, to_bytes, verify, verifying

KEY = PrivateKey(bytes(range(32)))
BOUND = 3.0
SIZES = {"10 KB": 10_000, "1 MB": 1_000_000}
WORDS = {"short": 12, "medium": 60, "long": 600}
Case = tuple[Callable[[], Any], Callable[[], Any]]


def messages(size: int, words: int) -> list[dict[str, Any]]:
    """About `size` bytes of JSON: a question, a call of a tool, its result, and again."""
    chance = random.Random(7)
    vocabulary = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]

    def prose(count: int) -> str:
        return " ".join(chance.choices(vocabulary, k=count))

    made: list[dict[str, Any]] = []
    left = size
    while left > 0:
        call = f"call_{len(made)}"
        function = {"name": "search", "arguments": json.dumps({"query": prose(8), "limit": 10})}
        turn = [
            {"role": "user", "content": prose(words)},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call, "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": call, "content": prose(words)},
        ]
        for message in turn[: 1 if left < size and left < words * 6 else 3]:
            made.append(message)
            left -= len(json.dumps(message))
    return made


def record(history: list[dict[str, Any]]) -> dict[str, Any]:
    """A step record with this history."""
    return {
        "model": {"vendor": "openai", "id": "gpt-4o-2024-08-06", "fingerprint": "fp_1"},
        "sampling": {"temperature": 0.2, "top_p": 1, "seed": 42},
        "inputs": {"system_prompt": "You are a careful research agent.", "messages": history},
        "runtime": {"class": "cloud"},
        "expected": {"transcript": {"role": "assistant", "content": "Done."}},
        "tolerance": {"level": "byte"},
    }


def cases(history: list[dict[str, Any]]) -> dict[str, Case]:
    """What is measured: ours and theirs, which must agree."""
    step = record(history)
    options = agent_rerun.CaptureOptions(signing_key=KEY.raw)
    bundle = capture(step, KEY)
    theirs: Any = agent_rerun.capture(step, options)
    if to_bytes(bundle) != agent_rerun.jcs_bytes(theirs):
        raise SystemExit("the two bundles differ")
    actual = {"inputs": step["inputs"], "output": {"transcript": step["expected"]["transcript"]}}
    if not agent_rerun.verify(bundle, actual).verified:
        raise SystemExit("theirs does not verify ours")
    verify(theirs, actual)
    return {
        "capture and sign": (lambda: capture(step, KEY), lambda: agent_rerun.capture(step, options)),
        "verify": (lambda: first_time(bundle, actual), lambda: agent_rerun.verify(bundle, actual)),
        "verify again": (lambda: verify(bundle, actual), lambda: agent_rerun.verify(bundle, actual)),
    }


def first_time(bundle: dict[str, Any], actual: dict[str, Any]) -> None:
    """Verify as if this bundle had never been seen."""
    verifying._prove_once.cache_clear()
    verify(bundle, actual)


def measure(rounds: int) -> list[dict[str, Any]]:
    """One row for each size, length of messages, and operation."""
    rows = []
    for size, count in SIZES.items():
        for length, words in WORDS.items():
            history = messages(count, words)
            for name, pair in cases(history).items():
                ours, theirs = side_by_side(pair, rounds)
                case = f"{name}, {size} in {len(history)} {length} messages"
                rows.append({"case": case, "us": ours, "peer_us": theirs, "ratio": theirs / ours})
    return rows


def side_by_side(pair: Case, rounds: int) -> tuple[float, float]:
    """The medians of the rounds."""
    times = [max(3, int(0.02 / max(cpu_us(call, 1) * 1e-6, 1e-6))) for call in pair]
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            found[which].append(cpu_us(pair[which], times[which]))
    return statistics.median(found[0]), statistics.median(found[1])


def cpu_us(call: Callable[[], Any], times: int) -> float:
    """CPU microseconds of one call, over `times` calls."""
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times * 1e6


def signature_us() -> dict[str, float]:
    """What Ed25519 takes, of 600 bytes."""
    data = bytes(600)
    signature = KEY.sign(data)
    return {
        "sign": cpu_us(lambda: KEY.sign(data), 500),
        "verify": cpu_us(lambda: KEY.public.verify(signature, data), 500),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows, ed25519 = measure(arguments.rounds), signature_us()
    if arguments.json:
        print(json.dumps({"rerun": rows, "ed25519_us": ed25519}, indent=1))
        return
    print(f"{'case':52} {'spantape':>9} {'peer':>9} {'ratio':>6}   (µs CPU; bound {BOUND:g} times)")
    for row in rows:
        print(f"{row['case']:52} {row['us']:9.0f} {row['peer_us']:9.0f} {row['ratio']:6.1f}")
    print("of which Ed25519: " + ", ".join(f"{name} {value:.0f}" for name, value in ed25519.items()))


if __name__ == "__main__":
    main()
