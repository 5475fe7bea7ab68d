"""The plan of an initialisation: the variance of every weight, settled before one is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import nn

from actlas.init.propagation.graph import Traced
from actlas.init.propagation.ledger import Ledger
from actlas.init.propagation.settings import Settings
from actlas.init.propagation.signal import Signal
from actlas.init.propagation.walk import Step, Walk
from actlas.init.propagation.weighing import Use
from actlas.init.report import Layer

_STEP = 1e-4  # the relative change of a variance from which slopes are taken
_MOST_ROUNDS = 50


@dataclass(frozen=True)
class Plan:
    """What is to be written, and what was found on the way."""

    uses: dict[str, tuple[Use, ...]]
    variances: dict[str, float]
    ledger: Ledger
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    mean: float
    variance: float
    sensitivity: float

    @property
    def zeroed(self) -> set[str]:
        """The biases that start at 0."""
        return {use.bias for uses in self.uses.values() for use in uses if use.bias}


def make_plan(model: nn.Module, traced: Traced, settings: Settings) -> Plan:
    """Walk the graph until every weight is settled; nothing is written.

    A weight that is used once is settled at once. One that is used several times gets the
    variance that is right for the mean of what comes in, which depends on itself.
    """
    walk, output = _settled(model, traced, settings)
    ledger = walk.ledger
    uses = _by_weight(ledger.uses)
    variances = _variances(uses)
    slopes = _slopes(traced, settings, ledger)
    sensitivity = _sensitivity(traced, settings, ledger, variances, output)
    layers = tuple(
        _layer(name, of, variances.get(name), max(slopes[use] for use in of))
        for name, of in uses.items()
    )
    ends = (0.0, 0.0) if output is None else (tidy(output.mean), output.variance)
    return Plan(uses, variances, ledger, layers, tuple(walk.steps), *ends, sensitivity)


def tidy(value: float) -> float:
    """Return 0 in the place of the rounding that quadrature leaves of a zero mean."""
    return 0.0 if abs(value) < 1e-13 else value


def names_of(model: nn.Module) -> dict[int, str]:
    """Return the first qualified name of every parameter and buffer, by identity."""
    named = (*model.named_parameters(), *model.named_buffers())
    return {id(tensor): name for name, tensor in named}


def _settled(model: nn.Module, traced: Traced, settings: Settings) -> tuple[Walk, Signal | None]:
    fixed: dict[str, float] = {}
    kept: dict[str, str] = {}
    for _ in range(_MOST_ROUNDS):
        ledger = Ledger(names_of(model), fixed, kept=dict(kept))
        walk = Walk(traced, settings, ledger)
        output = walk.run()
        uses = _by_weight(ledger.uses)
        shared = {name: v for name, v in _variances(uses).items() if len(uses[name]) > 1}
        if ledger.kept == kept and _alike(shared, fixed):
            return walk, output
        fixed, kept = shared, ledger.kept
    walk.note("the scale of a weight used several times did not settle")
    return walk, output


def _alike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(
        math.isclose(one[name], other[name], rel_tol=1e-9) for name in one
    )


def _by_weight(uses: list[Use]) -> dict[str, tuple[Use, ...]]:
    """Return the uses of each weight; a computed weight counts by the place of its use."""
    found: dict[str, tuple[Use, ...]] = {}
    for use in uses:
        key = use.weight or use.where
        found[key] = (*found.get(key, ()), use)
    return found


def _variances(uses: Mapping[str, tuple[Use, ...]]) -> dict[str, float]:
    return {name: sum(use.target for use in of) / sum(use.power for use in of)
            for name, of in uses.items() if all(use.status == "set" for use in of)}  # fmt: skip


def _scaled(settings: Settings, factor: float, *, everywhere: bool) -> Settings:
    """Return the settings for a signal of `factor` times the power."""
    return replace(
        settings,
        data_mean=settings.data_mean * factor**0.5,
        data_variance=settings.data_variance * factor,
        signal_variance=settings.signal_variance * (factor if everywhere else 1.0),
    )


def _slopes(traced: Traced, settings: Settings, settled: Ledger) -> dict[Use, float]:
    """Return, for each use, how the moment that comes in follows the variance of its sources."""
    base, moved = (
        Ledger(settled.names, coefficients=dict(settled.coefficients), kept=settled.kept)
        for _ in range(2)
    )
    if settled.fixed:  # a weight used several times has to be let go
        Walk(traced, settings, base).run()
    else:
        base = settled
    Walk(traced, _scaled(settings, 1 + _STEP, everywhere=True), moved).run()
    pairs = zip(settled.uses, base.uses, moved.uses, strict=True)
    return {use: _growth(_moment(before, settings), _moment(after, settings))
            for use, before, after in pairs}  # fmt: skip


def _moment(use: Use, settings: Settings) -> float:
    return use.variance if settings.centred else use.variance + use.mean**2


def _growth(before: float, after: float) -> float:
    return math.log(after / before) / math.log1p(_STEP) if before > 0 < after else 0.0


def _sensitivity(traced: Traced, settings: Settings, settled: Ledger,
                 variances: Mapping[str, float], output: Signal | None) -> float:  # fmt: skip
    """Return how the output's second moment follows the data's, with all weights fixed."""
    ledger = Ledger(settled.names, variances, dict(settled.coefficients), settled.kept)
    moved = Walk(traced, _scaled(settings, 1 + _STEP, everywhere=False), ledger).run()
    if output is None or moved is None:
        return 0.0
    return _growth(output.second_moment, moved.second_moment)


def _layer(name: str, uses: tuple[Use, ...], variance: float | None, slope: float) -> Layer:
    first, count = uses[0], len(uses)
    mean = sum(use.mean for use in uses) / count
    second = sum(use.variance + use.mean**2 for use in uses) / count
    owner = name.rpartition(".")[0] if first.weight else name
    return Layer(owner or "model", first.operation, first.weight, tidy(mean), second - mean**2,
                 first.fan.size, first.fan.live / first.fan.size,
                 None if variance is None else math.sqrt(variance), slope, count,
                 next((use.status for use in uses if use.status != "set"), "set"))  # fmt: skip
