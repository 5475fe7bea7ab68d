"""Fine-tuning with another activation, beside the control: the same epochs with the old one.

Paper: Gupta and Ahuja, "Parametric Variational Linear Units (PVLUs) in Deep Convolutional
Networks", arXiv 2110.12246: a pretrained network gets max(0, x) + alpha sin(beta x) in the place
of every ReLU and is trained on; the result is a relative error reduction, (e0 - e1)/e0.

The paper does not say that the network with ReLU was trained on for as long, so its figures hold
the gain of the extra epochs too. Here both arms are trained, and the difference is what the
function itself gave. The caller replaces (`actlas.replace(model, {"relu": "pvlu"})`); with
alpha = 0 the changed network begins as the same function.

Deviations:
    The control arm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.training._checks import no_shared_parameters


@dataclass(frozen=True)
class Arms:
    """The errors before and after of the changed network and of the control."""

    before: float
    changed_before: float
    changed: float
    control: float

    @property
    def reduction(self) -> float:
        """The relative error reduction of the changed network: what the paper reports."""
        return relative_error_reduction(self.before, self.changed)

    @property
    def control_reduction(self) -> float:
        """The relative error reduction of the same epochs with the old function."""
        return relative_error_reduction(self.before, self.control)

    @property
    def due_to_function(self) -> float:
        """What is left of the reduction when the control's is taken away."""
        return self.reduction - self.control_reduction


def relative_error_reduction(before: float, after: float) -> float:
    """Return (before - after)/before.

    Raises:
        ActlasError: for an error of 0 before, which nothing reduces.

    >>> relative_error_reduction(0.5, 0.375)
    0.25
    """
    if not before > 0:
        raise ActlasError(f"the error before must be above 0, got {before!r}")
    return (before - after) / before


def fine_tune_with_control(
    changed: nn.Module,
    control: nn.Module,
    train: Callable[[nn.Module], Any],
    error: Callable[[nn.Module], float],
) -> Arms:
    """Train two networks on in the same way, and return the errors of both arms.

    Args:
        changed: the network with the new function; trained in place.
        control: a copy with the old one; trained in place.
        train: trains a network on; called once for each. Both begin with the same state of
            PyTorch's random numbers, which is put back afterwards; a generator of your own must
            begin anew in each call, so build it and the loader inside.
        error: the error rate on fixed data, from 0 to 1.

    Raises:
        ActlasError: if the two networks share parameters: training one would train the other.

    Source: Gupta and Ahuja 2021, with the control.
    """
    no_shared_parameters({"the changed network": changed, "its control": control})
    before, changed_before = error(control), error(changed)
    relative_error_reduction(before, before)  # says so now if there is nothing to reduce
    for network in (changed, control):
        with torch.random.fork_rng():  # dropout and shuffling are the same in both arms
            train(network)
    return Arms(before, changed_before, error(changed), error(control))
