"""Normalisation and dropout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from actlas.init.propagation.registry import rule
from actlas.init.propagation.signal import Signal, constant, gaussian, measured, mixture

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk

_SELU_FLOOR = -1.7580993408473766  # the limit of selu at -inf, which nn.AlphaDropout fills in


def _normalised(x: Signal, weight: Any, bias: Any, eps: Any, *, about_mean: bool = True) -> Signal:
    """Return (x - m)/sqrt(v + eps), then scaled and shifted by what the layer holds now."""
    middle = x.mean if about_mean else 0.0
    power = x.variance if about_mean else x.second_moment
    values = (x.values.double() - middle) / (power + (eps or 1e-5)) ** 0.5
    inner = replace(x, values=values)
    scale = measured(weight) if isinstance(weight, Tensor) else constant(1.0)
    shift = measured(bias) if isinstance(bias, Tensor) else constant(0.0)
    if scale.variance + shift.variance < 1e-12:
        return replace(inner, values=scale.mean * values + shift.mean)
    mean = scale.mean * inner.mean
    spread, shared = (
        scale.second_moment * (part + inner.mean**2) - mean**2 + shift.variance
        for part in (inner.variance, inner.shared)
    )
    return gaussian(mean + shift.mean, spread, shared, channels=x.channels)


def _apart(x: Signal) -> Signal:
    """Return a signal without the offset that its places share."""
    return replace(x, root=replace(x.root, correlation=0.0))


@rule("batch_norm", "instance_norm")
def batch_norm(
    walk: Walk, x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, training: Any = True, momentum: Any = None, eps: Any = 1e-5, **_: Any,
) -> Any:  # fmt: skip
    """Each feature loses its own mean, so that its places share nothing afterwards."""
    return _normalised(_apart(x), weight, bias, eps)


@rule("aten.batch_norm", "aten.instance_norm")
def batch_norm_exported(
    walk: Walk, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    training: Any, momentum: Any, eps: Any, *_: Any,
) -> Any:  # fmt: skip
    """The same in the order of ATen."""
    return _normalised(_apart(x), weight, bias, eps)


@rule("layer_norm", "group_norm")
def layer_norm(
    walk: Walk, x: Any, parts: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5,
    *_: Any, **__: Any,
) -> Any:  # fmt: skip
    """All features of a sample lose one mean, so what its places share remains."""
    return _normalised(x, weight, bias, eps)


@rule("rms_norm")
def rms_norm(walk: Walk, x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    """The second moment becomes 1, the mean stays in proportion."""
    return _normalised(x, weight, None, eps, about_mean=False)


@rule("dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d", "native_dropout")
def dropout(walk: Walk, x: Any, p: float = 0.5, training: Any = True, *_: Any, **__: Any) -> Any:
    """Zeros with probability p, the others divided by 1-p: (m, (v + p m²)/(1-p))."""
    x = walk.signal(x)
    if not training or not p:
        return x
    if p < 1 and _normalises_itself(x):
        walk.note("dropout behind a self-normalising function moves its fixed point (0, 1): "
                  "nn.AlphaDropout keeps it (Klambauer et al. 2017)")  # fmt: skip
    kept = replace(x, values=x.values.double() / (1 - p)) if p < 1 else x
    return _replaced(x, kept, p, 0.0, x.shared if p < 1 else 0.0)


def _replaced(x: Signal, kept: Signal, p: float, value: float, shared: float) -> Signal:
    """Return `kept` with a share `p` of its elements replaced by a value, each by itself."""
    mixed = mixture([(1 - p, kept), (p, constant(value))], shared)
    return replace(mixed, channels=x.channels, probabilities=x.probabilities)


def _normalises_itself(x: Signal) -> bool:
    """Say whether a signal has mean 0 and variance 1 without being normal, as behind SELU."""
    standard = abs(x.mean) < 1e-5 and abs(x.second_moment - 1) < 1e-5
    return standard and abs(x.expect(x.values.double() ** 3)) > 1e-3


@rule("alpha_dropout", "feature_alpha_dropout")
def alpha_dropout(walk: Walk, x: Any, p: float = 0.5, training: Any = True, *_: Any, **__: Any
                  ) -> Any:  # fmt: skip
    """Dropped elements take SELU's lower limit; an affine map then restores the point (0, 1)."""
    if not training or not p:
        return x
    scale = ((1 - p) * (1 + p * _SELU_FLOOR**2)) ** -0.5 if p < 1 else 0.0
    shift = -scale * p * _SELU_FLOOR
    kept = replace(x, values=scale * x.values.double() + shift)
    shared = ((1 - p) * scale) ** 2 * x.shared
    return _replaced(x, kept, p, scale * _SELU_FLOOR + shift, shared)
