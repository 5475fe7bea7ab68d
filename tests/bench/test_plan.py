"""What is timed and in which order: goals first, nothing twice, nothing that was not asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

import actlas
from actlas.bench.cells import CENTRE, DTYPES, KINDS, MODES, SIZES
from actlas.bench.goals import ANY, choose, defined, goals
from actlas.bench.peers import PEERS
from actlas.bench.plan import Planned, Request, checked, plan
from actlas.errors import ActlasError

PATHS = dict.fromkeys([*actlas.names(), defined()[0]], "table")


def planned(**options: Any) -> list[Planned]:
    return plan(checked(Request(**options)), PATHS)


@pytest.fixture(scope="module")
def everything() -> list[Planned]:
    return planned()


def test_every_function_in_every_mode_size_dtype_and_kind(everything: list[Planned]) -> None:
    cells = {one.cell for one in everything}
    assert len(cells) == len(PATHS) * len(MODES) * len(SIZES) * len(DTYPES) * len(KINDS)
    assert max(Counter(everything).values()) == 1


def test_every_goal_can_be_judged_and_those_that_name_functions_come_first(
    everything: list[Planned],
) -> None:
    sides: dict[Any, set[str]] = {}
    first: dict[Any, int] = {}
    for place, one in enumerate(everything):
        sides.setdefault(one.cell, {"copy"}).update(one.peers)
        first.setdefault(one.cell, place)
    wanted = [(goal, goal.cell(name)) for goal in goals() for name in choose(goal.functions, PATHS)]
    for goal, cell in wanted:
        assert goal.peer in sides[cell] or goal.peer == ANY, (goal, cell)
    named = {cell for goal, cell in wanted if goal.named}
    assert max(first[cell] for cell in named) < len(named)


def test_the_rest_goes_outwards_from_the_centre(everything: list[Planned]) -> None:
    named = {name for goal in goals() if goal.named for name in goal.functions}
    wanted = {goal.cell(name) for goal in goals() for name in choose(goal.functions, PATHS)
              if goal.peer != ANY or name in named}  # fmt: skip
    rest = [one.cell.distance() for one in everything if one.cell not in wanted]
    assert rest == sorted(rest)
    assert rest[0] < rest[-1]


def test_compile_is_timed_where_somebody_names_it(everything: list[Planned]) -> None:
    asked = {one.cell for one in everything if "compile" in one.peers}
    assert asked == {goal.cell(name) for goal in goals() if goal.peer == "compile"
                     for name in goal.functions}  # fmt: skip
    chosen = planned(functions=("lisht",), peers=("compile",))
    assert {peer for one in chosen for peer in one.peers} == {"compile", "copy"}


def test_only_what_was_asked_for_is_timed() -> None:
    found = planned(functions=("TanhExp", "relu"), sizes=(1000, CENTRE), dtypes=("bf16",),
                    peers=("jax",))  # fmt: skip
    assert {one.cell.function for one in found} == {"telu", "relu"}
    assert {one.cell.size for one in found} == {1000, CENTRE}
    assert {one.cell.dtype for one in found} == {"bf16"}
    assert {peer for one in found for peer in one.peers} == {"jax"}
    assert len({one.cell for one in found}) == len(found) == 2 * 2 * len(MODES) * len(KINDS)


def test_quick_is_the_goals_that_name_functions() -> None:
    found = planned(quick=True)
    assert {one.cell for one in found} == {
        goal.cell(name) for goal in goals() if goal.named and goal.size <= CENTRE
        for name in goal.functions
    }  # fmt: skip
    assert len(found) < 40


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"functions": ("gelo",)}, "'gelu'"),
        ({"peers": ("jaxx",)}, "Did you mean 'jax'"),
        ({"dtypes": ("fp64",)}, "fp32, bf16"),
        ({"sizes": (0,)}, "from 1 to 2\\*\\*31, got 0"),
        ({"threads": -1}, "threads go from 1"),
        ({"threads": 10_000}, "got 10000"),
        ({"minutes": 0.0}, "more than 0"),
        ({"minutes": float("nan")}, "more than 0"),
    ],
)
def test_bad_requests_are_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        checked(replace(Request(), **given))


def test_peers_are_called_by_their_names() -> None:
    assert all(name == peer.name for name, peer in PEERS.items())
    assert all(peer.about for peer in PEERS.values())
