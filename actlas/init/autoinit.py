"""autoinit_: weights that keep mean and variance on their way through a whole network."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Initialise a network in place so that mean and variance stay (0, v) behind every layer.

    The mean and the variance of the data are followed through the graph of the model, by
    quadrature through every function; each layer's weights get the variance that makes its
    output (0, signal_variance), its bias 0. Everything is worked out before anything is written.

    Args:
        model: any module that torch.fx or torch.export can trace. Lookup tables, recurrent
            layers, frozen and computed weights stay as they are and are named in the report.
        example_input: a tensor, a tuple of arguments or a mapping of keyword arguments; only its
            shapes count. Without it padding is not corrected for, and attention and global
            pooling are followed less exactly, as the notes say.
        data_mean, data_variance: of the model's input.
        data_correlation: of one feature of the input at two places (pixels, tokens) of a sample,
            from 0 to 1; pooling and attention average only what places do not share.
        signal_variance: wanted behind each layer, above 0.
        distribution: "truncated_normal" (cut at two standard deviations), "normal", "uniform" or
            "orthogonal".
        centred: AutoInit++: each unit's weights sum to 0, so the mean of what comes in is
            removed and the variance alone is scaled.
        padding: make up for the taps of a convolution that meet zero padding.
        estimators: for classes of your own, a function (module, (mean, variance), ...) ->
            (mean, variance); such modules are not looked into.
        generator: random state of the weights; None takes PyTorch's.
        dry_run: only report.

    Returns:
        The report: incoming mean and variance, scale and slope of every layer.

    Raises:
        ActlasError: for a model that cannot be traced, is quantised, lazy or on the meta device,
            for an example that does not fit, and for values out of range; nothing is changed.

    Source: Bingham and Miikkulainen 2023, arXiv 2109.08958, with exact maps for dropout,
    padding and pooling; a layer in front of `actlas.nn.SIREN` follows Sitzmann et al. 2020.

    >>> net = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1))
    >>> report = autoinit_(net, generator=torch.Generator().manual_seed(0))
    >>> [(layer.name, round(layer.scale * layer.fan_in**0.5, 4)) for layer in report.layers]
    [('0', 1.0), ('2', 1.5335)]
    """
    model = check_model(model)
    settings = Settings(
        check_number(data_mean, "data_mean"),
        check_number(data_variance, "data_variance", positive=True),
        check_number(data_correlation, "data_correlation", high=1.0),
        check_number(signal_variance, "signal_variance", positive=True),
        centred, padding, _checked(estimators or {}),
    )  # fmt: skip
    check_choice(distribution, "distribution", tuple(DISTRIBUTIONS))
    check_generator(generator)
    inputs = None if example_input is None else Inputs.of(example_input)
    traced = trace(model, inputs, tuple(settings.estimators))
    plan = make_plan(model, traced, settings)
    if not dry_run:
        _write(model, _values(model, plan, distribution, centred, generator))
    return _report(model, plan, traced.closed, not dry_run)


def _checked(estimators: Mapping[Any, Any]) -> Mapping[type[nn.Module], Estimator]:
    for cls, estimator in estimators.items():
        if not (isinstance(cls, type) and issubclass(cls, nn.Module) and callable(estimator)):
            raise ActlasError("estimators maps subclasses of torch.nn.Module to functions, got "
                              f"{cls!r}: {estimator!r}")  # fmt: skip
    return estimators


def _values(model: nn.Module, plan: Plan, distribution: str, centred: bool,
            generator: torch.Generator | None) -> dict[str, Tensor]:  # fmt: skip
    """Return the new content of every tensor that is to be written."""
    tensors = _tensors(model)
    values = {name: torch.zeros_like(tensors[name]) for name in sorted(plan.zeroed)}
    for name, coefficients in plan.ledger.coefficients.items():
        values[name] = torch.tensor(coefficients)
    for name, variance in plan.variances.items():
        use = plan.uses[name][0]
        values[name] = draw(tensors[name], variance, use.fan.size, use.rows, distribution,
                            centred, generator)  # fmt: skip
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
