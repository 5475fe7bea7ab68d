"""Networks for physics-informed learning: adaptive slopes, Rowdy terms, derivatives of a network.

A physics-informed network u(x, t) is trained until a differential equation holds at many points;
the equation's derivatives come from automatic differentiation, so the activation has to have them.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError, nearest
from actlas.facts import Facts, facts_of
from actlas.facts.curve import GRID
from actlas.models._registry import activation_factory, network
from actlas.models._tokens import need_sizes
from actlas.nn._module import ElementwiseModule

ADAPTIVE = ("none", "global", "layer", "neuron")

_RAISSI = Paper("Raissi et al.", 2019, arxiv="1711.10561", venue="Journal of Computational Physics "
                "378", title="Physics-informed neural networks")  # fmt: skip


class PINN(nn.Module):
    r"""Perceptron with a learned slope, and learned sine waves, at every activation.

    .. math:: h_k = f(n a_k z_k) + \sum_{j=1}^{J} n A_{kj} \sin(j n F_{kj} z_k), \quad
              z_k = W_k h_{k-1} + b_k

    The slopes a start at 1/n, the amplitudes A at 0 and the frequencies F at 1/n, so that the
    network starts as the plain one. As long as an amplitude is 0 its frequency has no gradient.
    Weight decay would pull the slopes to 0, and f with them: leave `slopes` out of it.

    Build it with `pinn`. Shape: points (N, inputs) -> (N, outputs).
    """

    def __init__(
        self, linears: Sequence[nn.Linear], functions: Sequence[nn.Module], adaptive: str,
        scale: float, rowdy: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.linears, self.functions = nn.ModuleList(linears), nn.ModuleList(functions)
        self.adaptive, self.scale, self.rowdy = adaptive, scale, rowdy
        widths = [linear.out_features for linear in linears[:-1]]
        counts = {"none": [], "global": [1], "layer": [1] * len(widths), "neuron": widths}
        slopes = [torch.full((count,), 1 / scale) for count in counts[adaptive]]
        self.slopes = nn.ParameterList(slopes)
        waves = len(widths) if rowdy else 0
        self.amplitudes = nn.ParameterList([torch.zeros(rowdy) for _ in range(waves)])
        frequencies = [torch.full((rowdy,), 1 / scale) for _ in range(waves)]
        self.frequencies = nn.ParameterList(frequencies)

    def forward(self, points: Tensor) -> Tensor:
        inputs = self.linears[0].in_features
        if points.shape[-1] != inputs or not points.is_floating_point():
            raise ActlasError(f"pinn: points must be floating point of shape (N, {inputs}), got "
                              f"{points.dtype} of shape {tuple(points.shape)}")  # fmt: skip
        h = points
        for place, function in enumerate(self.functions):
            z = self.linears[place](h)
            h = function(self._steepened(z, place)) + self._waves(z, place)
        return self.linears[-1](h)  # type: ignore[no-any-return]

    def _steepened(self, z: Tensor, place: int) -> Tensor:
        if self.adaptive == "none":
            return z
        slope: Tensor = self.slopes[0 if self.adaptive == "global" else place]
        return self.scale * slope * z

    def _waves(self, z: Tensor, place: int) -> Tensor | float:
        total: Tensor | float = 0.0
        for j in range(self.rowdy):
            amplitude, frequency = self.amplitudes[place][j], self.frequencies[place][j]
            wave = torch.sin((j + 1) * self.scale * frequency * z)
            total = total + self.scale * amplitude * wave
        return total

    def slope_recovery(self) -> Tensor:
        r"""Return the term that is added to the loss so that slopes grow quickly.

        .. math:: S(a) = \frac{1}{\frac{1}{D-1} \sum_{k=1}^{D-1} \exp(\bar a_k)}

        with D - 1 activations and the mean slope of each one's neurons; a enters without n.

        Deviations: the released code divides by the sum in place of the mean, which is smaller by
        the factor D - 1; this is the paper's form.

        Source: Jagtap, Kawaguchi and Karniadakis, Proc. R. Soc. A 476 (2020) 20200334, section 2.

        Raises ActlasError unless there are slopes for each layer or neuron.
        """
        if self.adaptive not in ("layer", "neuron"):
            raise ActlasError(f"slope recovery needs adaptive='layer' or 'neuron', got "
                              f"{self.adaptive!r}")  # fmt: skip
        return 1 / torch.stack([slope.mean().exp() for slope in self.slopes]).mean()

    def extra_repr(self) -> str:
        return f"adaptive={self.adaptive!r}, scale={self.scale:g}, rowdy={self.rowdy}"


def partials(
    function: Callable[[Tensor], Tensor], points: Tensor, *wanted: Sequence[int]
) -> list[Tensor]:
    """Return u and its partial derivatives at points, each (N, 1), to be differentiated further.

    Args:
        function: from points (N, d) to u, (N, 1); each row from its own point alone.
        points: (N, d), floating point.
        wanted: for each result the coordinates to differentiate by: () for u itself, (1,) for
            the slope along coordinate 1, (0, 0) for the second derivative along coordinate 0.

    Raises:
        ActlasError: for a coordinate that does not exist, or a function of another shape.

    >>> u, u_x, u_xx = partials(lambda p: p**3, torch.tensor([[2.0]]), (), (0,), (0, 0))
    >>> u.item(), u_x.item(), u_xx.item()
    (8.0, 12.0, 12.0)
    """
    points = points.detach().clone().requires_grad_()
    u = function(points)
    if u.shape != (len(points), 1):
        raise ActlasError(f"partials: the function must give ({len(points)}, 1), got "
                          f"{tuple(u.shape)}")  # fmt: skip
    known: dict[tuple[int, ...], Tensor] = {(): u}
    for path in wanted:
        if any(not 0 <= axis < points.shape[1] for axis in path):
            raise ActlasError(f"partials: coordinates must lie in 0 to {points.shape[1] - 1}, got "
                              f"{tuple(path)}")  # fmt: skip
        for end in range(1, len(path) + 1):
            _differentiate(known, points, tuple(path[:end]))
    return [known[tuple(path)] for path in wanted]


def _differentiate(
    known: dict[tuple[int, ...], Tensor], points: Tensor, path: tuple[int, ...]
) -> None:
    """Add the derivatives of the next order to `known`, along every coordinate at once."""
    if path in known:
        return
    before = known[path[:-1]]
    slopes = torch.zeros_like(points)
    if before.requires_grad:
        (found,) = torch.autograd.grad(before.sum(), points, create_graph=True, allow_unused=True)
        slopes = slopes if found is None else found
    for axis in range(points.shape[1]):
        known[(*path[:-1], axis)] = slopes[:, axis : axis + 1]


def heat_residual(
    function: Callable[[Tensor], Tensor], points: Tensor, diffusivity: float = 1.0
) -> Tensor:
    """Return u_t - diffusivity u_xx at points (x, t), (N, 2) -> (N, 1); 0 where u solves it."""
    u_t, u_xx = partials(function, points, (1,), (0, 0))
    return u_t - diffusivity * u_xx


def burgers_residual(
    function: Callable[[Tensor], Tensor], points: Tensor, viscosity: float = 0.01 / math.pi
) -> Tensor:
    """Return u_t + u u_x - viscosity u_xx at points (x, t), (N, 2) -> (N, 1).

    Source: Raissi et al. 2019, section 3.1.1.
    """
    u, u_t, u_x, u_xx = partials(function, points, (), (1,), (0,), (0, 0))
    return u_t + u * u_x - viscosity * u_xx


def need_derivatives(function: nn.Module, order: int) -> None:
    """Refuse an activation that cannot enter an equation of the given order.

    Args:
        function: a module; for a function of the catalogue its computed facts decide.
        order: of the highest derivative in the equation; 0 asks for nothing.

    Raises:
        ActlasError: where the derivative of that order is 0 wherever it exists, as ReLU'' is: the
            network's derivative is then 0 whatever its weights, and nothing can be learned.

    A function that has a derivative of lower order with a jump raises a warning: the equation
    does not hold at the kinks.

    Source: the requirements of Jagtap and Karniadakis 2022, arXiv:2209.02681.
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ActlasError(f"pinn: order, that of the equation, must be 0 or more, got {order!r}")
    if order and _vanishes(function, order):
        raise ActlasError(f"pinn: the derivative of order {order} of {function} is 0 almost "
                          f"everywhere, so an equation of that order cannot be learned; take a "
                          f"smooth function such as tanh")  # fmt: skip
    known = _smoothness(function)
    if order and known < order:
        warnings.warn(f"{function} is C^{known:g}, and an equation of order {order} wants "
                      f"C^{order}: it will not hold at the kinks", stacklevel=2)  # fmt: skip


def _smoothness(function: nn.Module) -> float:
    """Return k of the class C^k, -1 where f jumps; modules outside the catalogue are trusted."""
    if not isinstance(function, ElementwiseModule):
        return math.inf
    known = _facts(function).smoothness
    return float(known.removeprefix("C^")) if known.startswith("C^") else -1.0


def _facts(function: ElementwiseModule) -> Facts:
    return facts_of(function.entry, function.initial)


def _vanishes(function: nn.Module, order: int) -> bool:
    """Say whether the derivative of this order is 0 at every point of a grid."""
    if isinstance(function, ElementwiseModule):
        return not bool(_facts(function).curve.slope(order)(GRID).any())
    points = torch.linspace(-6, 6, 1000, dtype=torch.float64, device="cpu")[:, None]
    double = copy.deepcopy(function).double()
    return not bool(partials(double, points, (0,) * order)[0].any())


@network(id="pinn", title="Physics-informed network", paper=_RAISSI, takes="points", input=(2,),
         parameters={"": 3_021, "width=50, layers=3, inputs=1": 5_251}, deviations=(
             "Slope recovery has the mean of the paper; the released code has the sum, which makes "
             "the term smaller by the number of layers.",
             "The factors of the Rowdy waves are those of the released code; its base is a cosine, "
             "here any function."))  # fmt: skip
def pinn(
    activation: Any = "tanh", inputs: int = 2, outputs: int = 1, width: int = 20, layers: int = 8,
    adaptive: str = "none", scale: float = 10.0, rowdy: int = 0, order: int = 2,
    generator: torch.Generator | None = None,
) -> PINN:  # fmt: skip
    """Perceptron for differential equations, with adaptive slopes and Rowdy terms.

    Args:
        activation: f at every hidden layer; one without derivatives of the equation's order is
            refused.
        inputs: coordinates of a point, such as (x, t).
        outputs: unknown functions.
        width: of the hidden layers.
        layers: hidden layers; 8 of 20 in Raissi's Burgers example.
        adaptive: "none", "global" (one slope a), "layer" (one for each activation) or "neuron"
            (one for each unit of it).
        scale: n of the slopes n a, 1 or more; n a = 1 at the start.
        rowdy: number of sine waves on every activation, 0 for none.
        order: highest derivative in the equation; 0 for regression.
        generator: random state of the weights (Xavier normal, biases 0); None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, a scale below 1, an unknown `adaptive`, an unknown function,
            or one whose derivative of that order vanishes.

    Source: Raissi et al. 2019; slopes: Jagtap et al., J. Comput. Phys. 404 (2020) 109136 (global)
    and Proc. R. Soc. A 476 (2020) 20200334 (layer, neuron); Rowdy: arXiv:2105.09513.

    >>> pinn("sin", adaptive="layer", rowdy=2)(torch.zeros(4, 2)).shape
    torch.Size([4, 1])
    """
    need_sizes("pinn", inputs=inputs, outputs=outputs, width=width, layers=layers)
    if adaptive not in ADAPTIVE:
        raise ActlasError(f"pinn: adaptive must be one of {', '.join(ADAPTIVE)}, got {adaptive!r}."
                          f"{nearest(str(adaptive), ADAPTIVE)}")  # fmt: skip
    if not scale >= 1:
        raise ActlasError(f"pinn: scale, the n of n a, must be 1 or more, got {scale!r}")
    if isinstance(rowdy, bool) or not isinstance(rowdy, int) or rowdy < 0:
        raise ActlasError(f"pinn: rowdy must be a number of waves, 0 or more, got {rowdy!r}")
    make = activation_factory(activation)
    if not rowdy:  # with waves the derivatives come back as soon as an amplitude moves
        need_derivatives(make(), order)
    widths = [inputs, *[width] * layers, outputs]
    linears = [nn.Linear(inside, out) for inside, out in pairwise(widths)]
    for linear in linears:
        nn.init.xavier_normal_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
    return PINN(linears, [make() for _ in range(layers)], adaptive, float(scale), rowdy)
