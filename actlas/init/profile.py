"""What a function does to a standard normal number: the moments behind its gain and slope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from actlas.backends import numpy as numpy_backend
from actlas.catalogue import Definition, find, unroll
from actlas.errors import ActlasError
from actlas.expr import derivative
from actlas.facts import Curve, facts_of
from actlas.facts.moments import moments, nodes
from actlas.init.propagation.elementwise import by_channel, is_elementwise, numbers
from actlas.init.propagation.signal import standard
from actlas.nn._module import ElementwiseModule

Function = Union[str, Definition, nn.Module, Callable[[torch.Tensor], torch.Tensor]]


@dataclass(frozen=True)
class Profile:
    """Moments of f and its slope under N(0, 1).

    By Stein's identity `radial` = E f² (|z|² - d)/2 is the derivative of E f(√q z)² with respect
    to log q at q = 1, in d dimensions, and `drift` = E f (|z|² - d)/2 that of E f(√q z).
    """

    name: str
    mean: float
    second_moment: float
    slope_second_moment: float
    radial: float
    drift: float

    @property
    def variance(self) -> float:
        """Var f(z); 0 where only the rounding of a constant is left."""
        variance = self.second_moment - self.mean**2
        return variance if variance > 1e-14 * self.second_moment else 0.0


def profile_of(function: Function, parameters: Mapping[str, Any]) -> Profile:
    """Return the profile of a function, found by name or handed over as an object.

    Args:
        function: a name, a catalogue entry, an `actlas.Activation`, an elementwise module, or a
            callable on tensors.
        parameters: of a function given by name or entry.

    Raises:
        ActlasError: for unknown names and parameters, and for what is not elementwise.

    >>> round(profile_of("relu", {}).mean, 6)
    0.398942
    """
    if isinstance(function, str):
        function = find(function)
    if isinstance(function, Definition):
        return _of_entry(function, parameters)
    if parameters:
        raise ActlasError(f"parameters ({', '.join(parameters)}) go with the name of a function; "
                          f"{_called(function)} has its own")  # fmt: skip
    if isinstance(function, ElementwiseModule) and function.num_parameters == 1:
        return _of_entry(function.entry, numbers(function))
    if isinstance(definition := getattr(function, "definition", None), Definition):
        return _of_activation(function, definition)
    return _of_callable(function)


def _called(function: Any) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _of_activation(function: Any, definition: Definition) -> Profile:
    """Return the profile of an `actlas.Activation`, which may be a derivative."""
    if len(definition.inputs) == 1:
        return _of_curve(function.name, function.facts.curve)
    if function.order:
        raise ActlasError(f"a derivative of {function.name}, a function of two inputs, has no gain")
    return _of_entry(definition, dict(function.values))


def _of_entry(entry: Definition, parameters: Mapping[str, Any]) -> Profile:
    if len(entry.inputs) == 1:
        return _of_curve(entry.name, facts_of(entry, parameters).curve)
    return _of_two_inputs(entry, entry.bind(parameters))


def _of_curve(name: str, curve: Curve) -> Profile:
    known = moments(curve)
    z, weight = nodes(curve)
    with np.errstate(all="ignore"):
        drift = float(weight @ (curve(z) * (z * z - 1))) / 2
    return Profile(name, known["mean"], known["second_moment"],
                   known["derivative_second_moment"], known["radial"], drift)  # fmt: skip


def _of_two_inputs(entry: Definition, values: Mapping[str, Any]) -> Profile:
    """Integrate in polar coordinates: pieces that meet on the axes or diagonals do no harm."""
    points, weight = _polar()
    scalars = unroll(values)
    inputs = (*entry.inputs, *scalars)
    root = entry.expression(entry.shape_of(values))

    def at(expression: Any) -> Any:
        tape = numpy_backend.compiled(expression, inputs)
        return numpy_backend.run(tape, *points, *scalars.values())

    f, slopes = at(root), [at(derivative(root, name)) for name in entry.inputs]
    squared = sum(float(weight @ (slope * slope)) for slope in slopes) / len(slopes)
    stein = ((points * points).sum(axis=0) - len(points)) / 2
    return Profile(entry.name, float(weight @ f), float(weight @ (f * f)), squared,
                   float(weight @ (f * f * stein)), float(weight @ (f * stein)))  # fmt: skip


def _polar() -> tuple[Any, Any]:
    """Return points of shape (2, n) and the weights of the standard normal plane."""
    unit, share = np.polynomial.legendre.leggauss(12)
    angles, radii = np.arange(16) * np.pi / 8, np.arange(24) / 2
    theta = (angles[:, None] + np.pi / 16 * (1 + unit)).ravel()
    r = (radii[:, None] + (1 + unit) / 4).ravel()
    by_angle = np.tile(share, len(angles)) / 32
    by_radius = np.tile(share, len(radii)) / 4 * r * np.exp(-r * r / 2)
    plane = np.stack([np.outer(np.cos(theta), r).ravel(), np.outer(np.sin(theta), r).ravel()])
    return plane, np.outer(by_angle, by_radius).ravel()


def _of_callable(function: Any) -> Profile:
    """Integrate a module or a callable on tensors as it stands, its slope by autograd."""
    name = _called(function)
    called, channels = by_channel(function)
    if not is_elementwise(called, channels):
        raise ActlasError(f"{name} has no gain: it is not a deterministic elementwise function")
    z, weight = standard()
    z = z.repeat(1, channels).requires_grad_()
    f = called(z)
    slope = torch.autograd.grad(f.sum(), z)[0] if f.requires_grad else torch.zeros_like(z)

    def expected(values: torch.Tensor) -> float:
        return float((weight * values).sum()) / channels

    f, stein = f.detach(), (z.detach() ** 2 - 1) / 2
    return Profile(name, expected(f), expected(f * f), expected(slope * slope),
                   expected(f * f * stein), expected(f * stein))  # fmt: skip
