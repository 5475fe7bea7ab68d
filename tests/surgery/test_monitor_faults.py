"""The tests of the monitor's tests: a fault is planted, and the check named beside it turns red."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from actlas.catalogue import find
from actlas.surgery.monitor import hooks, record, sampling, session, sites, slopes
from tests.surgery import test_monitor as figures
from tests.surgery import test_monitor_harmless as harmless
from tests.surgery import test_monitor_slopes as regimes

Plant = Callable[[pytest.MonkeyPatch], None]
RED = (AssertionError, Exception, pytest.fail.Exception)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def same_bits(kind: str) -> Callable[[], None]:
    return lambda: harmless.test_results_are_the_same_bit_for_bit(kind, "float32")


places = sampling._places


def random_rows(patch: pytest.MonkeyPatch) -> None:
    drawn = torch.randint  # as many a sampler does

    def anywhere(shape: Any, budget: int, turn: int) -> Any:
        return tuple(drawn(size, (8,)).numpy() for size in shape[:-1])

    patch.setattr(sampling, "_places", anywhere)


def judged_at_once(patch: pytest.MonkeyPatch) -> None:
    """Ask for f' inside the model's pass, where a checkpoint counts what autograd keeps."""
    enter = session.Monitor._enter

    def early(self: Any, site: Any, *rest: Any) -> None:
        enter(self, site, *rest)
        twin, seen = self._twins.get(site), self._open.get(site)
        if twin is not None and seen is not None and seen.x is not None:
            twin.slope(seen.x)

    patch.setattr(session.Monitor, "_enter", early)


def first_far_point_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(slopes, "_ENDS", (-512.0, -512.0, 512.0, 512.0))


def leaves(name: str) -> Plant:
    """Plant that a method of the session does nothing."""
    return lambda patch: patch.setattr(session.Monitor, name, lambda self, *_: None)


FAULTS: dict[str, tuple[Plant, Callable[[], None]]] = {
    "rows are drawn at random": (random_rows, same_bits("shared, in place, random")),
    "f' is asked for inside the pass": (judged_at_once, same_bits("checkpointed")),
    "random state is not put back": (
        lambda patch: patch.setattr(torch.random, "fork_rng", lambda _: torch.enable_grad()),
        regimes.test_random_numbers_are_left_alone,
    ),
    "hooks stay on the sites": (
        leaves("_disarm"), lambda: harmless.test_no_hook_is_left("nowhere"),
    ),
    "hooks stay after an error": (
        lambda patch: patch.setattr(session.Monitor, "__exit__", lambda self, kind, *_: kind or
                                    self.stop()),
        lambda: harmless.test_no_hook_is_left("in the block"),
    ),
    "hooks run in compiled code": (
        lambda patch: patch.setattr(hooks.Hook, "__call__", lambda self, *a: self._call(*a)),
        lambda: harmless.test_hooks_are_silent_in_a_graph(False),
    ),
    "copies are watched": (
        lambda patch: patch.setattr(hooks, "silence", lambda *_: 1 / 0),
        harmless.test_copies_and_checkpoints_are_not_watched,
    ),
    "the fast path is left": (
        lambda patch: patch.setattr(session, "on_fast_path", lambda _: set()),
        harmless.test_the_fast_path_of_transformers_stays,
    ),
    "shape parameters are read late": (
        lambda patch: patch.setattr(slopes.Twin, "follow", lambda self, module: None),
        figures.test_learned_shapes_are_followed,
    ),
    "dead is for ever": (
        lambda patch: patch.setattr(record.Record, "_varies", lambda self, y: y[0] > 9),
        figures.test_a_stuck_unit_of_any_kind_is_dead,
    ),
    "the channels are always second": (
        lambda patch: patch.setattr(sites, "_channels", lambda *_: 1),
        lambda: figures.test_dead_channels_are_counted_along_the_right_dimension(
            "linear on tokens"),
    ),
    "the channels are always last": (
        lambda patch: patch.setattr(sites, "_channels", lambda *_: -1),
        lambda: figures.test_dead_channels_are_counted_along_the_right_dimension("conv2d"),
    ),
    "the same rows are read again": (
        lambda patch: patch.setattr(sampling, "_places", lambda shape, budget, turn:
                                    places(shape, budget, 0)),
        figures.test_every_place_is_read_before_one_is_read_again,
    ),
    "the input is read after work in place": (
        lambda patch: patch.setattr(sampling.Seen, "read_input", lambda self, tensor:
                                    setattr(self, "x", tensor.detach())),
        figures.test_work_in_place_changes_no_figure,
    ),
    "one far point is believed": (
        first_far_point_is_believed,
        lambda: regimes.test_asymptotes_are_those_of_the_facts(find("snake")),
    ),
    "the scale of f' is forgotten": (
        lambda patch: patch.setattr(slopes, "_QUANTILES", (8.0,) * 4),
        lambda: regimes.test_regimes_follow_from_the_formula(find("sigmoid")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_turns_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, check = FAULTS[name]
    check()
    plant(monkeypatch)
    with pytest.raises(RED):
        check()
    torch.compiler.reset()
