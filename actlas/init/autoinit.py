"""autoinit_: weights that keep mean and variance on their way through a whole network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.init.checks import check_choice, check_generator, check_model, check_number
from actlas.init.draws import DISTRIBUTIONS, draw
from actlas.init.planning import Plan, make_plan
from actlas.init.propagation.inputs import Inputs
from actlas.init.propagation.settings import Estimator, Settings
from actlas.init.propagation.tracing import trace
from actlas.init.report import Report


def autoinit_(
    model: nn.Module,
    example_input: Any = None,
    *,
    data_mean: float = 0.0,
    data_variance: float = 1.0,
    data_correlation: float = 0.0,
    signal_variance: float = 1.0,
    distribution: str = "truncated_normal",
    centred: bool = False,
    padding: bool = True,
    estimators: Mapping[type[nn.Module], Estimator] | None = None,
    generator: torch.Generator | None = None,
    dry_run: bool = False,
) -> Report:
    """Initialise a network in place so that each layer's output has mean 0 and one variance.

    The data's mean and variance are followed through the graph of the model; every weight gets
    the variance that makes its layer's output (0, signal_variance), its bias 0. Everything is
    worked out before anything is written.

    Args:
        model: any module that torch.fx or torch.export can trace.
        example_input: a tensor, a tuple of arguments or a mapping by keyword; only shapes count.
            Without it, what hangs on shapes is not corrected for, and the notes say so.
        data_mean, data_variance: of the model's input.
        data_correlation: of a feature of the input at two places (pixels, tokens), 0 to 1.
        signal_variance: wanted behind each layer, above 0.
        distribution: "truncated_normal", "normal", "uniform" or "orthogonal".
        centred: AutoInit++: each unit's weights sum to 0, so no mean is handed on.
        padding: make up for the taps of a convolution that meet zero padding.
        estimators: {class: function (module, (mean, variance), ...) -> (mean, variance)} for
            classes of your own, which are then not looked into.
        generator: random state of the weights; None takes PyTorch's.
        dry_run: only report.

    Raises:
        ActlasError: for what cannot be traced or drawn (scripted, quantised, lazy, meta), an
            example that does not fit, and values out of range; nothing is changed then.

    Source: Bingham and Miikkulainen 2023, arXiv 2109.08958, with exact maps for dropout, padding
    and pooling; in front of `actlas.nn.SIREN` Sitzmann et al. 2020.

    >>> net = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1))
    >>> [round(layer.scale * layer.fan_in**0.5, 4) for layer in autoinit_(net).layers]
    [1.0, 1.5335]
    """
    model, style = check_model(model), Style(distribution, centred, check_generator(generator))
    settings = _settings(data_mean, data_variance, data_correlation, signal_variance, centred,
                         padding, estimators or {})  # fmt: skip
    inputs = None if example_input is None else Inputs.of(example_input)
    traced = trace(model, inputs, tuple(settings.estimators))
    plan = make_plan(model, traced, settings)
    if not dry_run:
        _write(model, _values(model, plan, style))
    return _report(model, plan, traced.closed, not dry_run)


@dataclass(frozen=True)
class Style:
    """How weights are drawn."""

    distribution: str
    centred: bool
    generator: torch.Generator | None

    def __post_init__(self) -> None:
        check_choice(self.distribution, "distribution", tuple(DISTRIBUTIONS))


def _settings(mean: Any, variance: Any, correlation: Any, wanted: Any, centred: bool,
              padding: bool, estimators: Mapping[Any, Any]) -> Settings:  # fmt: skip
    return Settings(
        data_mean=check_number(mean, "data_mean"),
        data_variance=check_number(variance, "data_variance", positive=True),
        data_correlation=check_number(correlation, "data_correlation", high=1.0),
        signal_variance=check_number(wanted, "signal_variance", positive=True),
        centred=centred,
        padding=padding,
        estimators=_checked(estimators),
    )


def _checked(estimators: Mapping[Any, Any]) -> Mapping[type[nn.Module], Estimator]:
    for cls, estimator in estimators.items():
        if not (isinstance(cls, type) and issubclass(cls, nn.Module) and callable(estimator)):
            raise ActlasError("estimators maps subclasses of torch.nn.Module to functions, got "
                              f"{cls!r}: {estimator!r}")  # fmt: skip
    return estimators


def _values(model: nn.Module, plan: Plan, style: Style) -> dict[str, Tensor]:
    """Return the new content of every tensor that is to be written."""
    tensors = _tensors(model)
    values = {name: torch.zeros_like(tensors[name]) for name in sorted(plan.zeroed)}
    for name, coefficients in plan.ledger.coefficients.items():
        values[name] = torch.tensor(coefficients)
    for name, variance in plan.variances.items():
        use = plan.uses[name][0]
        values[name] = draw(tensors[name], variance, use.fan.size, use.rows, style.distribution,
                            style.centred, style.generator)  # fmt: skip
    return values


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_buffers()) | dict(model.named_parameters())


def _write(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    tensors = _tensors(model)
    with torch.no_grad():
        for name, value in values.items():
            tensors[name].copy_(value)


def _report(model: nn.Module, plan: Plan, closed: tuple[str, ...], written: bool) -> Report:
    """Return the report of a plan, with every weight that it does not set."""
    left = {layer.weight or layer.name: layer.status for layer in plan.layers
            if layer.status != "set"}  # fmt: skip
    left |= plan.ledger.kept
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and name not in plan.variances:
            left.setdefault(name, "not a weight of a layer that is known, left as it is")
    sampled = [f"{name}: followed by sampling" for name in plan.ledger.sampled]
    closed_ = [f"{path}: its code cannot be traced, so its weights are left" for path in closed]
    return Report(plan.layers, plan.steps, (*plan.ledger.notes, *sampled, *closed_), left,
                  plan.mean, plan.variance, plan.sensitivity, written)  # fmt: skip
