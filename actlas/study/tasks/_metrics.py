"""Metrics that several tasks share, where less is better."""

from __future__ import annotations

from torch import Tensor

from actlas.study.tasks._protocol import Metric


def _relative_error(outputs: Tensor, targets: Tensor) -> float:
    error = 100.0 * (outputs - targets).norm() / targets.norm()
    return float(error.clamp(max=100.0))


def _deviation_left(outputs: Tensor, targets: Tensor) -> float:
    error = 100.0 * (outputs - targets).square().mean().sqrt()
    return float(error.clamp(max=100.0))


# ||u - v|| / ||v|| in percent: 100 is what u = 0 gives, and what the worst runs get.
RELATIVE_ERROR = Metric("error", "%", _relative_error, worst=100.0, higher_is_better=False)

# The root of the mean squared error in percent of the targets' deviation in the training rows:
# 100 is what their mean gives, and what the worst runs get.
RMSE = Metric("RMSE", "% of a deviation", _deviation_left, worst=100.0, higher_is_better=False)
