"""A chain of residual layers with momentum, whose backward pass needs the last state alone.

The forward rule, with v = 0 at the start, is

    v <- gamma v + (1 - gamma) f(x),    x <- x + v,

and it can be undone: x <- x - v, v <- (v - (1 - gamma) f(x)) / gamma. Backward therefore walks the
chain from its end, recomputes each f(x) and keeps nothing of the layers between: memory does not
grow with the depth. With (gx, gv) the gradients of the state behind a layer and c = gx + gv,

    gx <- gx + (df/dx)^T (1 - gamma) c,    gv <- gamma c,

and (df/dw)^T (1 - gamma) c for its weights.

Undoing divides by gamma, so an error of rounding grows like gamma^-depth: 0.9^-100 = 38,000. The
state is therefore kept as whole numbers, where every step has an exact inverse.

Source: Sander, Ablin, Blondel and Peyre 2021, Momentum Residual Neural Networks; the exact product
with a fraction is that of Maclaurin, Duvenaud and Adams 2015, algorithm 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from actlas.errors import ActlasError, nearest

State = tuple[Tensor, ...]


class Arithmetic(Protocol):
    """How the state (x, v, ...) of a chain is kept, moved one layer on, and moved back."""

    def start(self, x: Tensor) -> State:
        """Return the state in front of the first layer, v = 0."""

    def read(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Return a stored x as numbers of `dtype`."""

    def advance(self, state: State, y: Tensor) -> State:
        """Return the state behind a layer with value y = f(x)."""

    def before(self, state: State) -> Tensor:
        """Return the stored x in front of a layer from the state behind it."""

    def retreat(self, state: State, x: Tensor, y: Tensor) -> State:
        """Return the state in front of a layer, from that behind it, its x and y = f(x)."""


class Floating:
    """The state as floating-point numbers: the inverse is as good as their rounding."""

    def __init__(self, gamma: float, dtype: torch.dtype) -> None:
        self.gamma, self.dtype = gamma, dtype

    def start(self, x: Tensor) -> State:
        """Return x and a velocity of 0."""
        x = x.to(self.dtype)
        return x, torch.zeros_like(x)

    def read(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Return x, rounded to `dtype`."""
        return x.to(dtype)

    def advance(self, state: State, y: Tensor) -> State:
        """Return x + v' and v'."""
        x, v = state
        v = self.gamma * v + (1 - self.gamma) * y.to(self.dtype)
        return x + v, v

    def before(self, state: State) -> Tensor:
        """Return x - v."""
        return state[0] - state[1]

    def retreat(self, state: State, x: Tensor, y: Tensor) -> State:
        """Return x and the velocity before."""
        return x, (state[1] - (1 - self.gamma) * y.to(self.dtype)) / self.gamma


class Exact:
    """The state as multiples of 2^-48 in 64-bit integers: the inverse is exact.

    gamma is a fraction n/d. The product of a whole number with it has a remainder, which is put
    into a third integer, `rest`, as a digit in base d; dividing by d makes room for it, and
    multiplying by n takes a digit in base n out of it. `rest` grows like gamma^-depth.
    """

    unit, limit = 2.0**-48, 2.0**60  # in units, so that no sum of two overflows

    def __init__(self, gamma: float, depth: int) -> None:
        self.gamma = gamma
        fraction = Fraction(gamma).limit_denominator(1000)
        self.n, self.d = fraction.numerator, fraction.denominator
        if not 0 < self.n < self.d:
            raise ActlasError(f"arithmetic 'exact' needs a gamma from 0.001 to 0.999, got {gamma}")
        bits = depth * math.log2(self.d / self.n) + math.log2(self.d)
        if bits > 62:
            fits = int((62 - math.log2(self.d)) / math.log2(self.d / self.n))
            raise ActlasError(f"arithmetic 'exact' with gamma={gamma:g} can undo {fits} layers, "
                              f"got {depth}; take fewer, or a gamma nearer to 1")  # fmt: skip

    def start(self, x: Tensor) -> State:
        """Return x in units, a velocity of 0 and an empty rest."""
        stored = self._whole(x, 1.0)
        return stored, torch.zeros_like(stored), torch.zeros_like(stored)

    def read(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Return x, rounded to `dtype`."""
        return (x.double() * self.unit).to(dtype)

    def advance(self, state: State, y: Tensor) -> State:
        """Return x + v', v' and the rest, each a whole number."""
        x, v, rest = state
        rest = rest * self.d + v.remainder(self.d)
        v = v.div(self.d, rounding_mode="floor") * self.n + rest.remainder(self.n)
        rest = rest.div(self.n, rounding_mode="floor")
        v = v + self._whole(y, 1 - self.gamma)
        self._need((x + v).abs() < self.limit)
        return x + v, v, rest

    def before(self, state: State) -> Tensor:
        """Return x - v."""
        return state[0] - state[1]

    def retreat(self, state: State, x: Tensor, y: Tensor) -> State:
        """Return what `advance` was given, to the last bit: its steps, undone in reverse."""
        _, v, rest = state
        v = v - self._whole(y, 1 - self.gamma)
        rest = rest * self.n + v.remainder(self.n)
        v = v.div(self.n, rounding_mode="floor") * self.d + rest.remainder(self.d)
        return x, v, rest.div(self.d, rounding_mode="floor")

    def _whole(self, x: Tensor, factor: float) -> Tensor:
        scaled = x.double() * (factor / self.unit)
        self._need(scaled.abs() < self.limit)
        return scaled.round().to(torch.int64)

    def _need(self, fits: Tensor) -> None:
        if not bool(fits.all()):  # NaN does not fit either
            raise ActlasError("arithmetic 'exact' needs finite values below 4096 in magnitude in "
                              "every layer; use 'float64' for others")  # fmt: skip


ARITHMETICS = ("exact", "float64", "float32")


def arithmetic_of(name: str, gamma: float, depth: int) -> Arithmetic:
    """Return the arithmetic of that name; ActlasError for another one or a gamma outside (0, 1)."""
    if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not 0 < gamma < 1:
        raise ActlasError(f"gamma must be a number above 0 and below 1, got {gamma!r}")
    if name not in ARITHMETICS:
        raise ActlasError(f"arithmetic must be one of {', '.join(map(repr, ARITHMETICS))}, got "
                          f"{name!r}.{nearest(str(name), ARITHMETICS)}")  # fmt: skip
    return Exact(gamma, depth) if name == "exact" else Floating(gamma, getattr(torch, name))


class MomentumChain(nn.Module):
    """Layers of one shape as a residual network with momentum.

    Args:
        layers: modules that keep the shape of their input, each with its own weights.
        gamma: the share of the velocity that is kept, above 0 and below 1.
        reversible: recompute the layers backward and keep the last state alone; False keeps
            everything, as autograd does, with the same values in floating point.
        arithmetic: of the reversible form: "exact" (64-bit integers, 24 bytes a number),
            "float64" (16 bytes; exact to about 1e-16 gamma^-depth for layers in float64) or
            "float32" (8 bytes; good for about 20 layers at gamma = 0.9).

    Raises:
        ActlasError: for a gamma outside (0, 1) or layers that share weights; when run reversibly,
            for layers that would not give the same value again, because they draw random numbers
            or change a buffer (dropout, RReLU and batch normalisation in training).

    Source: Sander et al. 2021, Momentum Residual Neural Networks.

    >>> chain = MomentumChain([nn.Linear(4, 4), nn.Linear(4, 4)], gamma=0.5)
    >>> chain(torch.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self, layers: Iterable[nn.Module], gamma: float = 0.9, *, reversible: bool = True,
        arithmetic: str = "exact",
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.gamma, self.reversible, self.arithmetic = gamma, reversible, arithmetic
        arithmetic_of(arithmetic, gamma, len(self.layers) if reversible else 0)
        _check(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return x behind the last layer; shape and dtype are those of the input."""
        if self.reversible and torch.is_grad_enabled():
            found: Tensor = self._run_reversible(x)
            return found
        state = Floating(self.gamma, _wide(x.dtype))
        now = state.start(x)
        for layer in self.layers:
            now = state.advance(now, layer(state.read(now[0], x.dtype)))
        return state.read(now[0], x.dtype)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _run_reversible(self, x: Tensor) -> Tensor:
        weights = [p for p in self.layers.parameters() if p.requires_grad]
        return _Reversible.apply(self, x, *weights)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """Say how the chain is run."""
        kept = f"arithmetic={self.arithmetic!r}" if self.reversible else "reversible=False"
        return f"gamma={self.gamma}, {kept}"


class _Reversible(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, chain: MomentumChain, x: Tensor, *weights: Tensor) -> Tensor:
        arithmetic = arithmetic_of(chain.arithmetic, chain.gamma, len(chain.layers))
        state = arithmetic.start(x)
        for layer in chain.layers:
            with _repeatable(layer, x.device):
                y = layer(arithmetic.read(state[0], x.dtype))
            state = arithmetic.advance(state, y)
        ctx.save_for_backward(*state)
        ctx.chain, ctx.arithmetic, ctx.dtype = chain, arithmetic, x.dtype
        ctx.versions, ctx.weights = [w._version for w in weights], weights
        ctx.autocast = _autocast(x.device.type)
        return arithmetic.read(state[0], x.dtype)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if [w._version for w in ctx.weights] != ctx.versions:
            raise ActlasError("the weights of a reversible chain were changed between its forward "
                              "and backward pass, which can then not be undone")  # fmt: skip
        state: State = ctx.saved_tensors
        gx, gamma = grad.to(_wide(grad.dtype)), ctx.chain.gamma
        gv = torch.zeros_like(gx)
        sums: dict[Tensor, Tensor] = {}
        for layer in reversed(ctx.chain.layers):
            before = ctx.arithmetic.before(state)
            own = [p for p in layer.parameters() if p.requires_grad]
            with torch.enable_grad(), torch.autocast(**ctx.autocast):
                x = ctx.arithmetic.read(before, ctx.dtype).detach().requires_grad_()
                y = layer(x)
            state = ctx.arithmetic.retreat(state, before, y.detach())
            push = (1 - gamma) * (gx + gv)
            found = torch.autograd.grad(y, (x, *own), push.to(y.dtype), allow_unused=True)
            gx, gv = gx + (0 if found[0] is None else found[0]), gamma * (gx + gv)
            sums.update(zip(own, found[1:], strict=True))
        return None, gx.to(grad.dtype), *(sums.get(weight) for weight in ctx.weights)


def _autocast(device: str) -> dict[str, Any]:
    """Return the autocast of the moment, so that layers run again as they ran."""
    return {
        "device_type": device, "enabled": torch.is_autocast_enabled(device),
        "dtype": torch.get_autocast_dtype(device),
    }  # fmt: skip


def _wide(dtype: torch.dtype) -> torch.dtype:
    """Return in what sums over all layers are kept: single precision at least."""
    return torch.promote_types(dtype, torch.float32)


def _random(layer: nn.Module, device: torch.device) -> list[Tensor]:
    """Return the states of every generator that a layer can draw from."""
    own = [value for module in layer.modules() for value in vars(module).values()]
    states = [value.get_state() for value in own if isinstance(value, torch.Generator)]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return [torch.get_rng_state(), *states]


@contextmanager
def _repeatable(layer: nn.Module, device: torch.device) -> Iterator[None]:
    """Raise ActlasError if the layer drew random numbers or changed a buffer in this block."""
    buffers, random = list(layer.buffers()), _random(layer, device)
    versions = [(id(buffer), buffer._version) for buffer in buffers]
    yield
    drew = not all(map(torch.equal, random, _random(layer, device)))
    if drew or versions != [(id(buffer), buffer._version) for buffer in layer.buffers()]:
        raise ActlasError(f"a reversible chain runs its layers again backward, and {layer} would "
                          f"not give the same value: it "
                          f"{'draws random numbers' if drew else 'changes a buffer'}")  # fmt: skip


def _check(layers: nn.ModuleList) -> None:
    if not len(layers):
        raise ActlasError("a momentum chain needs at least one layer")
    weights = [id(p) for layer in layers for p in layer.parameters()]
    if len(weights) != len(set(weights)):
        raise ActlasError("the layers of a momentum chain must not share weights")
