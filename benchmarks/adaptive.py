"""The adaptive design against the fixed one, on ten cases whose truth is planted.

    python benchmarks/adaptive.py

Each case is a difference between two functions with its spread from seed to seed. Both designs
judge the same simulated scores: the fixed one all seeds at once, the adaptive one look by look, as
a study does. What counts is that the verdicts are the same, and how many seeds were needed. The
result goes to results/adaptive.json beside this file; it is the same on every machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from actlas.study import Verdict, statistics
from actlas.study.statistics.adaptive import rules, sequential

MOST, COMPARISONS, PRACTICAL = 40, 5, 0.5  # seeds, functions compared, too small to matter
RESULTS = Path(__file__).parent / "results"

# (difference, deviation) of the paired differences
PLANTED = ((2.0, 0.5), (-2.0, 0.6), (1.0, 0.5), (-1.2, 0.8), (0.0, 0.3), (0.1, 0.35), (-0.1, 0.3),
           (3.0, 1.0), (0.05, 0.4), (-0.8, 0.4))  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What both designs make of one planted difference, and the seeds that they take."""

    difference: float
    deviation: float
    fixed: str
    adaptive: str
    fixed_seeds: int
    adaptive_seeds: int


def judge_all_at_once(
    values: np.ndarray, twin: np.ndarray, generator: np.random.Generator
) -> Verdict:
    """Return the verdict of the fixed design."""
    p = min(1.0, COMPARISONS * statistics.sign_flip_p(values, generator))
    interval, floor = statistics.mean_interval(values), statistics.noise_floor(twin)
    needed = statistics.seeds_needed(COMPARISONS)
    return statistics.decide(interval, p, PRACTICAL, floor, MOST, needed)[0]


def measure(spending: str, seed: int = 0) -> Iterator[Case]:
    """Yield what both designs make of every case.

    Args:
        spending: "obrien-fleming" or "pocock".
        seed: of the simulated scores.
    """
    plan, generator = rules(MOST, COMPARISONS, spending=spending), np.random.default_rng(seed)
    for difference, deviation in PLANTED:
        values = generator.normal(difference, deviation, MOST)
        twin = generator.normal(0.0, deviation, MOST)
        found = sequential(values, twin, plan, PRACTICAL)
        fixed = judge_all_at_once(values, twin, generator)
        yield Case(difference, deviation, fixed.value, found.verdict.value, MOST, found.seeds)


def main() -> None:
    """Judge, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for the result")
    given = parser.parse_args()
    table = Table("spending", "difference", "deviation", "fixed", "adaptive", "seeds of 40")
    kept = {}
    for spending in statistics.spending.SPENDING:
        cases = list(measure(spending))
        for case in cases:
            table.add_row(spending, f"{case.difference:+g}", f"{case.deviation:g}", case.fixed,
                          case.adaptive, str(case.adaptive_seeds))  # fmt: skip
        share = sum(case.adaptive_seeds for case in cases) / (len(cases) * MOST)
        same = sum(case.fixed == case.adaptive for case in cases)
        table.add_row(spending, "", "", "", f"{same} of {len(cases)} alike", f"{share:.0%}")
        kept[spending] = {"same_verdicts": same, "share_of_runs": share,
                          "cases": [asdict(case) for case in cases]}  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "adaptive.json"
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    Console().print(table, f"written to {path}", sep="\n")


if __name__ == "__main__":
    main()
