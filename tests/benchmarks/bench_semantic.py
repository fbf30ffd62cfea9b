"""How well `spantape.semantic.compare` tells same from different, on labelled pairs; and the fit of its weights.

    python tests/benchmarks/bench_semantic.py                  scores of every set, cross-validated where it was fitted
    python tests/benchmarks/bench_semantic.py --errors dev     what was told wrongly (refused for the held-out set)
    python tests/benchmarks/bench_semantic.py --fit            fits the weights anew and writes weights.py

Sets: `open` (the shared pairs, where they are), `dev` and `test` (vectors/semantic). Only `open` and `dev` are fitted to;
`test` is read for its scores alone. Weights are of one sign: a finding can only take from a score.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spantape.semantic import THRESHOLD, compare
from spantape.semantic.facts.known import know
from spantape.semantic.score import features_of, findings_of
from spantape.semantic.structured import compare_structured
from spantape.semantic.weights import WEIGHTS

ROOT = Path(__file__).parents[2]
SETS = {
    "open": ROOT.parent / "shared" / "semantic" / "pairs.jsonl",
    "dev": ROOT / "vectors" / "semantic" / "dev.jsonl",
    "test": ROOT / "vectors" / "semantic" / "test.jsonl",
}
FITTED = ("open", "dev")
KEY_KINDS = ("number", "negation", "entity", "roles", "tool_args")
FOLDS = 10
SMOOTH = 1.0  # strength of the pull towards no weight, in pairs
STRUCTURE = 6.0  # what a difference in parsed values takes; not fitted: it decides


@dataclass(frozen=True)
class Pair:
    """A labelled pair with what was found in it; `decided` is the score where structure decides."""

    same: bool
    kind: str
    lang: str
    expected: str
    actual: str
    decided: float | None
    features: dict[str, float]


@cache
def pairs(name: str) -> list[Pair]:
    """Return the pairs of a set, read; none where the set is absent."""
    path = SETS[name]
    return (
        [_pair(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def _pair(told: dict[str, object]) -> Pair:
    expected, actual = str(told["expected"]), str(told["actual"])
    decided, features = None, {}
    parsed = compare_structured(expected, actual)
    if parsed.verdict != "undecided":
        decided = float(parsed.verdict == "same")
    else:
        texts = parsed.around or (expected, actual)
        found, shared = findings_of(know(texts[0]), know(texts[1]))
        features = features_of(found, shared)
    return Pair(bool(told["same"]), str(told["kind"]), str(told["lang"]), expected, actual, decided, features)


# -- measures


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    """Return the area under the ROC curve, ties counted half."""
    above, below = scores[same][:, None], scores[~same][None]
    return float(((above > below) + 0.5 * (above == below)).mean())


def report(name: str, chosen: list[Pair], scores: np.ndarray, threshold: float) -> None:
    """Print a set's measures: overall, then wrong decisions per kind."""
    same = np.array([pair.same for pair in chosen])
    taken = scores >= threshold
    print(
        f"{name}: {len(chosen)} pairs, AUC {auc(scores, same):.3f}, accuracy {(taken == same).mean():.3f}, "
        f"false accepts {taken[~same].mean():.3f}, false rejects {(~taken[same]).mean():.3f}"
    )
    for label in (False, True):
        wrong: dict[str, list[bool]] = defaultdict(list)
        for pair, took in zip(chosen, taken, strict=True):
            if pair.same == label:
                wrong[pair.kind].append(bool(took) != label)
        told = ", ".join(f"{kind} {sum(found)}/{len(found)}" for kind, found in sorted(wrong.items()))
        print(f"  {'rejected' if label else 'accepted'} wrongly: {told}")
    others = np.array([pair.lang != "en" for pair in chosen])
    if others.any():
        print(f"  not English: accuracy {(taken == same)[others].mean():.3f} of {others.sum()}")


# -- the fit


def fit(chosen: list[Pair], names: list[str], rounds: int = 3000) -> np.ndarray:
    """Return the bias and the weights of a logistic whose weights only take away: projected gradient, smoothed."""
    prose = [pair for pair in chosen if pair.decided is None]
    values = np.array([[pair.features.get(name, 0.0) for name in names] for pair in prose])
    same = np.array([pair.same for pair in prose], dtype=float)
    weights = np.full(len(names) + 1, 0.5)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, rounds + 1):
        chance = 1 / (1 + np.exp(-(weights[0] - values @ weights[1:])))
        gap = (chance - same) / len(prose)
        slope = np.concatenate([[gap.sum()], -(values.T @ gap) + SMOOTH * 0.05 * weights[1:] / len(prose)])
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= 0.02 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        weights[1:] = np.maximum(weights[1:], 0)
    return weights


def predict(chosen: list[Pair], names: list[str], weights: np.ndarray) -> np.ndarray:
    """Return the scores that weights give."""
    values = np.array([[pair.features.get(name, 0.0) for name in names] for pair in chosen])
    scores = 1 / (1 + np.exp(-(weights[0] - values @ weights[1:])))
    return np.array(
        [one if pair.decided is None else pair.decided for one, pair in zip(scores, chosen, strict=True)]
    )


def cross_validated(chosen: list[Pair], names: list[str]) -> np.ndarray:
    """Return the score that each pair gets from weights fitted without it and its fold."""
    order = np.random.default_rng(7).permutation(len(chosen))
    scores = np.zeros(len(chosen))
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS].tolist())
        weights = fit([pair for at, pair in enumerate(chosen) if at not in held], names)
        places = sorted(held)
        scores[places] = predict([chosen[at] for at in places], names, weights)
    return scores


def feature_names() -> list[str]:
    """Return every feature that a fitted set shows."""
    return sorted({name for part in FITTED for pair in pairs(part) for name in pair.features})


def write_weights(names: list[str], weights: np.ndarray) -> None:
    """Write the weights where the score reads them."""
    lines = [
        f'    "{name}": {value:.2f},'
        for name, value in zip(names, weights[1:], strict=True)
        if value >= 0.005
    ]
    text = (
        '"""The weights of the score: how much each kind of finding takes from it.\n\n'
        'Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.\n"""\n\n'
        "from __future__ import annotations\n\nfrom typing import Final\n\n"
        f'WEIGHTS: Final[dict[str, float]] = {{\n    "bias": {weights[0]:.2f},\n'
        + "\n".join(lines)
        + f'\n    "structure": {STRUCTURE},\n}}\n'
    )
    (ROOT / "src" / "spantape" / "semantic" / "weights.py").write_text(text, encoding="utf-8")


# -- what is printed


def show_scores() -> None:
    """Print every set's measures with the committed weights, and cross-validated ones of the fitted sets."""
    names = feature_names()
    both = [pair for part in FITTED for pair in pairs(part)]
    held = cross_validated(both, names)
    start = 0
    for part in FITTED:
        chosen = pairs(part)
        if chosen:
            report(f"{part}, {FOLDS}-fold", chosen, held[start : start + len(chosen)], THRESHOLD)
        start += len(chosen)
    if pairs("open"):
        report(
            "open, fitted on dev alone",
            pairs("open"),
            predict(pairs("open"), names, fit(pairs("dev"), names)),
            THRESHOLD,
        )
    for part in SETS:
        if pairs(part):
            report(f"{part}, as committed", pairs(part), committed(pairs(part)), THRESHOLD)


def committed(chosen: list[Pair]) -> np.ndarray:
    """Return the scores of the committed weights."""
    names = [name for name in WEIGHTS if name not in {"bias", "structure"}]
    return predict(chosen, names, np.array([WEIGHTS["bias"], *(WEIGHTS[name] for name in names)]))


def show_thresholds() -> None:
    """Print what each threshold gives, cross-validated over the fitted sets."""
    both = [pair for part in FITTED for pair in pairs(part)]
    held = cross_validated(both, feature_names())
    same = np.array([pair.same for pair in both])
    key = np.array([pair.kind in KEY_KINDS for pair in both])
    for threshold in np.arange(0.40, 0.86, 0.05):
        taken = held >= threshold
        print(
            f"{threshold:.2f}: accuracy {(taken == same).mean():.3f}, key false accepts {taken[key].mean():.3f}, "
            f"false rejects {(~taken[same]).mean():.3f}"
        )


def show_errors(part: str, lang: str) -> None:
    """Print the pairs that were told wrongly, with what was found."""
    if part not in FITTED:
        raise SystemExit(f"--errors {part}: the held-out set is for scores alone")
    for pair, score in zip(pairs(part), committed(pairs(part)), strict=True):
        if (score >= THRESHOLD) != pair.same and (not lang or (pair.lang == "en") == (lang == "en")):
            told = compare(pair.expected, pair.actual)
            print(f"{score:.2f} {'same' if pair.same else 'different'} {pair.kind} {pair.lang}")
            print(f"   E {pair.expected[:500]!r}\n   A {pair.actual[:500]!r}")
            print(
                "    ",
                "; ".join(
                    f"{one.kind} {one.expected[:25]}|{one.actual[:25]} {one.weight:.1f}"
                    for one in told.findings
                ),
            )


def show_speed() -> None:
    """Print the time of one comparison, warm."""
    chosen = pairs("dev")[:100]
    start = time.perf_counter()
    for pair in chosen:
        know.cache_clear()
        compare(pair.expected, pair.actual)
    print(f"{(time.perf_counter() - start) / len(chosen) * 1e3:.2f} ms a pair, nothing cached but words")


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--thresholds", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--errors", metavar="SET")
    parser.add_argument("--lang", default="")
    chosen = parser.parse_args()
    if chosen.fit:
        names = feature_names()
        write_weights(names, fit([pair for part in FITTED for pair in pairs(part)], names))
    elif chosen.errors:
        show_errors(chosen.errors, chosen.lang)
    elif chosen.thresholds:
        show_thresholds()
    elif chosen.speed:
        show_speed()
    else:
        show_scores()


if __name__ == "__main__":
    main()
