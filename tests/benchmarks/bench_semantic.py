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
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spantape.semantic import THRESHOLD, compare
from spantape.semantic.facts.known import know, know_both
from spantape.semantic.lexicon import LANGUAGES, lexicon
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
DRAWS = 4  # readings with a part of the lexicon that the weights are fitted to
DROPPED = {"same": 0.5, "axis": 0.15, "contrast": 0.15, "converse": 0.15}  # of the lines, by kind
# What the guard demands whatever the fit says: each of these findings alone takes a score below the threshold.
FLOORS = {
    "negation": 1.5,
    "roles": 2.2,
    "opposite": 1.5,
    "contrast": 1.5,
    "number": 3.0,
    "moment": 3.0,
    "name": 3.0,
    "bound": 1.5,
    "refusal": 2.0,
    "only_near": 2.0,
}
BONUS = frozenset({"anchored"})  # features that speak for "same"
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
def pairs(name: str, draw: int = 0) -> list[Pair]:
    """Return the pairs of a set, read; none where the set is absent. A draw above 0 reads with a part of the lexicon."""
    path = SETS[name]
    if not path.exists():
        return []
    with a_part_of_the_lexicon(draw):
        return [_pair(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


@contextmanager
def a_part_of_the_lexicon(draw: int) -> Iterator[None]:
    """Leave out a random part of the synonyms, as if nobody had thought of them: what new texts will meet.

    Whoever wrote the lexicon had seen the sets that are fitted to. Weights that are fitted with the lexicon whole
    would take a word that it does not know for a changed fact more often than is right.
    """
    if not draw:
        yield
        return
    whole = {language: lexicon(language).senses for language in LANGUAGES}
    chance = random.Random(draw)
    for language, senses in whole.items():
        lines = dict.fromkeys(sense for told in senses.values() for sense in told)
        dropped = {(one.kind, one.line) for one in lines if chance.random() < DROPPED[one.kind]}
        lexicon(language).senses = {
            entry: tuple(one for one in told if (one.kind, one.line) not in dropped)
            for entry, told in senses.items()
        }
    know.cache_clear()
    try:
        yield
    finally:
        for language, senses in whole.items():
            lexicon(language).senses = senses
        know.cache_clear()


def _pair(told: dict[str, object]) -> Pair:
    expected, actual = str(told["expected"]), str(told["actual"])
    decided, features = None, {}
    parsed = compare_structured(expected, actual)
    if parsed.verdict != "undecided":
        decided = float(parsed.verdict == "same")
    else:
        texts = parsed.around or (expected, actual)
        found, shared = findings_of(*know_both(texts[0], texts[1]))
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
    values = matrix(prose, names)
    same = np.array([pair.same for pair in prose], dtype=float)
    floors = np.array([FLOORS.get(name, 0.0) for name in names])
    weights = np.full(len(names) + 1, 0.5)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, rounds + 1):
        chance = 1 / (1 + np.exp(-(weights[0] - values @ weights[1:])))
        gap = (chance - same) / len(prose)
        slope = np.concatenate([[gap.sum()], -(values.T @ gap) + SMOOTH * 0.05 * weights[1:] / len(prose)])
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= 0.02 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        weights[1:] = np.maximum(weights[1:], floors)
    return weights


def matrix(chosen: list[Pair], names: list[str]) -> np.ndarray:
    """Return the features as rows; those that speak for "same" are turned, so that every weight is of one sign."""
    turned = np.array([-1.0 if name in BONUS else 1.0 for name in names])
    return turned * np.array([[pair.features.get(name, 0.0) for name in names] for pair in chosen])


def predict(chosen: list[Pair], names: list[str], weights: np.ndarray) -> np.ndarray:
    """Return the scores that weights give."""
    scores = 1 / (1 + np.exp(-(weights[0] - matrix(chosen, names) @ weights[1:])))
    return np.array(
        [one if pair.decided is None else pair.decided for one, pair in zip(scores, chosen, strict=True)]
    )


def both(draw: int = 0) -> list[Pair]:
    """Return the pairs of all sets that are fitted to."""
    return [pair for part in FITTED for pair in pairs(part, draw)]


def drawn(parts: tuple[str, ...] = FITTED) -> list[list[Pair]]:
    """Return the pairs that the weights are fitted to: every reading of every set."""
    return [[pair for part in parts for pair in pairs(part, draw)] for draw in range(1, DRAWS + 1)]


def cross_validated(names: list[str], draw: int = 0) -> np.ndarray:
    """Return the score that each pair gets from weights fitted without it and its fold.

    With a draw above 0 the held pairs are read with a part of the lexicon too.
    """
    chosen = both(draw)
    order = np.random.default_rng(7).permutation(len(chosen))
    scores = np.zeros(len(chosen))
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS].tolist())
        weights = fit([pair for one in drawn() for at, pair in enumerate(one) if at not in held], names)
        places = sorted(held)
        scores[places] = predict([chosen[at] for at in places], names, weights)
    return scores


def feature_names() -> list[str]:
    """Return every feature that a fitted set shows."""
    return sorted({name for part in FITTED for pair in pairs(part) for name in pair.features})


def write_weights(names: list[str], weights: np.ndarray) -> None:
    """Write the weights where the score reads them."""
    told = {name: -value if name in BONUS else value for name, value in zip(names, weights[1:], strict=True)}
    lines = [f'    "{name}": {value:.2f},' for name, value in told.items() if abs(value) >= 0.005]
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
    for draw, told in ((0, "lexicon whole"), (1 + DRAWS, "lexicon in part")):
        held = cross_validated(names, draw)
        start = 0
        for part in FITTED:
            chosen = pairs(part)
            if chosen:
                report(f"{part}, {FOLDS}-fold, {told}", chosen, held[start : start + len(chosen)], THRESHOLD)
            start += len(chosen)
    if pairs("open"):
        weights = fit([pair for one in drawn(("dev",)) for pair in one], names)
        report("open, fitted on dev alone", pairs("open"), predict(pairs("open"), names, weights), THRESHOLD)
    for part in SETS:
        if pairs(part):
            report(f"{part}, as committed", pairs(part), committed(pairs(part)), THRESHOLD)


def committed(chosen: list[Pair]) -> np.ndarray:
    """Return the scores of the committed weights."""
    names = [name for name in WEIGHTS if name not in {"bias", "structure"}]
    weights = [abs(WEIGHTS[name]) for name in names]
    return predict(chosen, names, np.array([WEIGHTS["bias"], *weights]))


def show_thresholds() -> None:
    """Print what each threshold gives, cross-validated over the fitted sets."""
    same = np.array([pair.same for pair in both()])
    key = np.array([pair.kind in KEY_KINDS for pair in both()])
    for draw in (0, 1 + DRAWS):
        held = cross_validated(feature_names(), draw)
        for threshold in np.arange(0.30, 0.81, 0.05):
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
        write_weights(names, fit([pair for one in drawn() for pair in one], names))
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
