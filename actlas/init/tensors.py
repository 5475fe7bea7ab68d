"""Drop-ins for torch.nn.init with the gain of any function, LeCun's rule and SIREN's."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import find
from actlas.errors import ActlasError
from actlas.init.checks import check_choice, check_generator, check_number
from actlas.init.gains import gain
from actlas.init.profile import Function

# What torch.nn.init.calculate_gain calls these layers: no function follows.
_LINEAR = frozenset(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3))
_MODES = {"fan_in": "forward", "fan_out": "backward"}


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: Function = "leaky_relu",
    generator: torch.Generator | None = None, *, centred: bool = False, **parameters: Any,
) -> Tensor:  # fmt: skip
    """Fill a weight with N(0, gain²/fan) in place, for any function.

    The drop-in for torch.nn.init.kaiming_normal_; where PyTorch's table has a wrong gain (tanh
    5/3, sigmoid 1, selu 3/4) the computed one is used.

    Args:
        tensor: a weight of shape (out, in, *kernel).
        a: the negative slope, for functions that have one.
        mode: "fan_in" keeps the signal with the forward gain, "fan_out" the gradient with the
            backward gain.
        nonlinearity: what `gain` takes: any name of the catalogue, a module, a callable; or
            "linear" and "conv2d" and the like, for gain 1.
        generator: random state; None takes PyTorch's.
        centred: use Var f(z) in the place of E f(z)².
        parameters: of the function.

    Raises:
        ActlasError: for an unknown name, mode or parameter, or a tensor of fewer than two
            dimensions; the tensor is then unchanged.

    Source: He et al. 2015.

    >>> w = kaiming_normal_(torch.empty(64, 100), nonlinearity="gelu")
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity, centred, parameters)
    return _normal(tensor, std, generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: Function = "leaky_relu",
    generator: torch.Generator | None = None, *, centred: bool = False, **parameters: Any,
) -> Tensor:  # fmt: skip
    """Fill a weight in place with uniform numbers of variance gain²/fan; see `kaiming_normal_`.

    >>> w = kaiming_uniform_(torch.empty(64, 100), nonlinearity="telu")
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity, centred, parameters)
    return _uniform(tensor, math.sqrt(3) * std, generator)


def xavier_normal_(
    tensor: Tensor, gain: float | None = None, generator: torch.Generator | None = None, *,
    nonlinearity: Function | None = None, **parameters: Any,
) -> Tensor:  # fmt: skip
    """Fill a weight with N(0, 2 gain²/(fan_in + fan_out)) in place, for any function.

    The drop-in for torch.nn.init.xavier_normal_.

    Args:
        tensor: a weight of shape (out, in, *kernel).
        gain: a factor; None takes 1, or with `nonlinearity` its compromise gain.
        generator: random state; None takes PyTorch's.
        nonlinearity: what `actlas.init.gain` takes.
        parameters: of the function.

    Raises:
        ActlasError: as `kaiming_normal_`, and if both `gain` and `nonlinearity` are given.

    Source: Glorot and Bengio 2010, Eq. 12.

    >>> w = xavier_normal_(torch.empty(64, 100), nonlinearity="mish")
    """
    return _normal(tensor, _xavier_std(tensor, gain, nonlinearity, parameters), generator)


def xavier_uniform_(
    tensor: Tensor, gain: float | None = None, generator: torch.Generator | None = None, *,
    nonlinearity: Function | None = None, **parameters: Any,
) -> Tensor:  # fmt: skip
    """Fill a weight in place with uniform numbers of Xavier's variance; see `xavier_normal_`.

    >>> w = xavier_uniform_(torch.empty(64, 100), nonlinearity="tanh")
    """
    std = _xavier_std(tensor, gain, nonlinearity, parameters)
    return _uniform(tensor, math.sqrt(3) * std, generator)


def lecun_normal_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight with N(0, 1/fan_in) in place: the rule that SELU needs.

    SELU has E f(z) = 0 and E f(z)² = 1, so its gain is 1. To keep that point, use nn.AlphaDropout
    and no other dropout behind it, and no normalisation.

    Args:
        tensor: a weight of shape (out, in, *kernel).
        generator: random state; None takes PyTorch's.

    Raises:
        ActlasError: for a tensor of fewer than two dimensions.

    Source: LeCun et al. 1998, section 4.6; Klambauer et al. 2017, section 2.

    >>> w = lecun_normal_(torch.empty(64, 100))
    """
    return _normal(tensor, 1 / math.sqrt(fans(tensor)[0]), generator)


def siren_uniform_(
    tensor: Tensor, w0: float = 30.0, *, first: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Fill a weight in front of sin(w0 x) with uniform numbers, in place.

    Args:
        tensor: a weight of shape (out, in).
        w0: the frequency factor inside the sine, above 0.
        first: the layer that reads the coordinates: U(-1/n, 1/n), n the fan-in; every later one
            has U(-sqrt(6/n)/w0, sqrt(6/n)/w0), which gives w0 x the variance 1.
        generator: random state; None takes PyTorch's.

    Raises:
        ActlasError: for a tensor of fewer than two dimensions or a w0 that is not above 0.

    Source: Sitzmann et al. 2020, section 3.2 and appendix 1.5.

    >>> w = siren_uniform_(torch.empty(64, 2), first=True)
    >>> bool(w.abs().max() <= 0.5)
    True
    """
    n, frequency = fans(tensor)[0], check_number(w0, "w0", positive=True)
    return _uniform(tensor, 1 / n if first else math.sqrt(6 / n) / frequency, generator)


def siren_(
    model: nn.Module, w0: float = 30.0, *, generator: torch.Generator | None = None
) -> nn.Module:
    """Initialise the linear layers of a sine network in place, the first one by its own rule.

    Args:
        model: its nn.Linear layers in the order in which the signal meets them; biases are left.
        w0: the frequency factor inside the sines.
        generator: random state; None takes PyTorch's.

    Raises:
        ActlasError: for a model without nn.Linear, and as `siren_uniform_`.

    Source: Sitzmann et al. 2020.

    >>> from actlas.nn import SIREN
    >>> net = siren_(nn.Sequential(nn.Linear(2, 64), SIREN(), nn.Linear(64, 1)))
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ActlasError(f"siren_ needs nn.Linear layers, and {type(model).__name__} has none")
    for index, layer in enumerate(layers):
        siren_uniform_(layer.weight, w0, first=index == 0, generator=generator)
    return model


def fans(tensor: Tensor) -> tuple[int, int]:
    """Return the fan-in and fan-out of a weight of shape (out, in, *kernel).

    >>> fans(torch.empty(8, 3, 5, 5))
    (75, 200)
    """
    if not isinstance(tensor, Tensor) or tensor.ndim < 2:
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ActlasError(f"a fan needs a weight of two dimensions or more, got {shape}")
    outputs, inputs, *kernel = tensor.shape
    taps = math.prod(kernel)
    return inputs * taps, outputs * taps


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: Function, centred: bool,
                 parameters: dict[str, Any]) -> float:  # fmt: skip
    check_choice(mode, "mode", tuple(_MODES))
    fan = dict(zip(_MODES, fans(tensor), strict=True))[mode]
    if isinstance(nonlinearity, str) and nonlinearity in _LINEAR:
        return 1 / math.sqrt(fan)
    if isinstance(nonlinearity, str) and "negative_slope" in find(nonlinearity).parameters:
        parameters = {"negative_slope": a, **parameters}
    elif a:
        raise ActlasError(f"a is the negative slope of leaky_relu, and {nonlinearity} has none; "
                          "give its parameters by name")  # fmt: skip
    found = gain(nonlinearity, mode=_MODES[mode], centred=centred, **parameters)
    return float(found / math.sqrt(fan))


def _xavier_std(tensor: Tensor, factor: float | None, nonlinearity: Function | None,
                parameters: dict[str, Any]) -> float:  # fmt: skip
    if factor is not None and nonlinearity is not None:
        raise ActlasError("give either a gain or a nonlinearity, not both")
    if nonlinearity is not None:
        factor = gain(nonlinearity, mode="compromise", **parameters)
    elif parameters:
        raise ActlasError(f"parameters ({', '.join(parameters)}) need a nonlinearity")
    return float((1.0 if factor is None else factor) * math.sqrt(2 / sum(fans(tensor))))


def _normal(tensor: Tensor, std: float, generator: torch.Generator | None) -> Tensor:
    check_generator(generator)
    with torch.no_grad():
        return tensor.normal_(0, std, generator=generator)


def _uniform(tensor: Tensor, bound: float, generator: torch.Generator | None) -> Tensor:
    check_generator(generator)
    with torch.no_grad():
        return tensor.uniform_(-bound, bound, generator=generator)
