"""The goals as data, and the verdict that a record gives on each."""

from __future__ import annotations

import pytest

import actlas
from actlas.bench.cells import CENTRE, MODES, SIZES
from actlas.bench.goals import ANY, EVERY, TABULATED, Verdict, defined, evaluate, goals
from actlas.bench.peers import COPY, PEERS
from actlas.expr.parse import parse
from tests.bench.records import record, row


def verdicts(*rows, **about) -> dict[str, Verdict]:
    """Return the verdicts by what the goal is against, mode and size."""
    found = evaluate(record(*rows, **about))
    return {f"{v.goal.against} {v.goal.mode} {v.goal.size}": v for v in found}


def a_goal(peer: str, **fields):
    """Return the first goal about a peer with these fields."""
    return next(g for g in goals() if g.peer == peer
                and all(getattr(g, name) == value for name, value in fields.items()))  # fmt: skip


def judged(goal, *rows, **about) -> Verdict:
    return verdicts(*rows, **about)[f"{goal.against} {goal.mode} {goal.size}"]


def test_goals_speak_of_what_there_is() -> None:
    known = {*actlas.names(), defined()[0]}
    for goal in goals():
        assert goal.functions in (EVERY, TABULATED) or set(goal.functions) <= known
        peer, _, other = goal.peer.partition(":")
        assert peer in {*PEERS, COPY.name, "actlas", ANY}
        assert not other or other in known
        assert goal.mode in MODES
        assert goal.size in SIZES
        assert goal.factor > 0
    assert len({(g.against, g.mode, g.size) for g in goals()}) == len(goals()) >= 30


def test_the_function_of_ones_own_is_in_no_catalogue() -> None:
    name, formula = defined()
    assert name not in actlas.names()
    root = parse(formula, frozenset("x"))
    assert all(root is not actlas.get(known).expression() for known in actlas.names())


@pytest.mark.parametrize(("ratio", "word"), [(8.0, "reached"), (7.99, "missed")])
def test_at_least(ratio: float, word: str) -> None:
    goal = a_goal("torch", functions=("mish",), mode="forward", size=CENTRE)
    verdict = judged(goal, row(goal.cell("mish"), torch=ratio))
    assert (verdict.word, goal.factor) == (word, 8)
    assert verdict.findings[0].ratio[1] == ratio


@pytest.mark.parametrize(("ratio", "word"), [(1 / 1.3, "reached"), (1 / 1.31, "missed")])
def test_at_most_is_about_the_inverse(ratio: float, word: str) -> None:
    goal = a_goal("copy", mode="into", size=SIZES[-1])
    verdict = judged(goal, row(goal.cell("mish"), copy=ratio))
    assert verdict.word == word
    low, middle, high = verdict.findings[0].ratio
    assert middle == pytest.approx(1 / ratio, rel=1e-3)
    assert low < middle < high


def test_what_was_not_measured_is_not_reached() -> None:
    assert {v.word for v in verdicts().values()} == {"not measured"}
    goal = a_goal("compile", mode="forward")
    assert judged(goal, row(goal.cell("mish"), torch=100.0)).word == "not measured"


def test_a_goal_about_all_is_missed_by_one() -> None:
    goal = a_goal("jax", functions=EVERY)
    rows = [row(goal.cell(name), jax=ratio) for name, ratio in
            (("mish", 3.0), ("relu", 0.7), ("elu", 0.9), ("selu", 1.0))]  # fmt: skip
    verdict = judged(goal, *rows)
    assert [found.function for found in verdict.findings] == ["relu", "elu", "selu", "mish"]
    assert [found.function for found in verdict.missed] == ["relu", "elu"]


def test_only_functions_of_one_table_are_held_against_the_copy() -> None:
    goal = a_goal("copy", mode="into")
    rows = [row(goal.cell("mish"), copy=0.9), row(goal.cell("sine"), copy=0.1)]
    paths = {"mish": "table", "sine": "steps"}
    assert judged(goal, *rows, functions=paths).word == "reached"
    assert judged(goal, *rows).word == "missed"


def test_any_peer_is_the_fastest_but_no_yardstick() -> None:
    goal = a_goal(ANY)
    rows = [row(goal.cell("mish"), copy=0.1, torch__silu=0.2, torch=3.0, jax=1.2)]
    (found,) = judged(goal, *rows).findings
    assert (found.peer, found.ratio[1]) == ("jax", 1.2)
    assert judged(goal, row(goal.cell("mish"))).word == "not measured"


def test_other_sizes_and_types_do_not_count() -> None:
    from dataclasses import replace

    goal = a_goal("torch", functions=("relu",), mode="forward")
    for other in ({"size": 1000}, {"dtype": "bf16"}, {"inputs": "wide"}, {"mode": "into"}):
        assert judged(goal, row(replace(goal.cell("relu"), **other), torch=9)).word == (
            "not measured"
        )
