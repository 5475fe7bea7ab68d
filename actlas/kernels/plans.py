"""Memory plans: what a function keeps for its backward pass.

"input" is exact; where the output tells the slope as exactly, as in ReLU, that is kept instead
(`retained`). "output" keeps the result, which the next layer keeps anyway, and one bit for a
function with two monotone branches. "few-bit" keeps four bits: which of sixteen intervals x lies
in, with the mean derivative there (after Novikov et al. 2023, "Few-bit backward").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from actlas.backends.program import X, table_number, torch_tape
from actlas.backends.tabulate import NotTabular, tabulate
from actlas.catalogue import Definition
from actlas.errors import ActlasError, nearest
from actlas.expr import Expr, symbol
from actlas.expr.node import intern, make
from actlas.facts import Facts, facts_of
from actlas.facts.branches import Branch, Branches, Piece, branches
from actlas.facts.curve import Array, Curve
from actlas.kernels.cpu import launch
from actlas.kernels.cpu.build import handed_over

if TYPE_CHECKING:
    from actlas.kernels.autograd import Elementwise

PLANS = ("input", "output", "few-bit")
ERROR = 1e-4  # of f', forgiven where it is recovered from the output
BITS = 4
_plan: ContextVar[str] = ContextVar("plan", default="input")


def check_plan(plan: str) -> str:
    """Return a plan's name, or say which there are."""
    if plan not in PLANS:
        raise ActlasError(f"save={plan!r} is no memory plan; the plans are "
                          f"{', '.join(PLANS)}.{nearest(str(plan), PLANS)}")  # fmt: skip
    return plan


def current_plan() -> str:
    """Return the plan that is in force here."""
    return _plan.get()


@contextmanager
def saving(plan: str) -> Iterator[None]:
    """Use a memory plan for every function called inside.

    Under torch.compile and function transforms no plan is used: there the compiler or the
    transform decides what is kept.

    Args:
        plan: "input", "output" or "few-bit".

    Raises:
        ActlasError: for an unknown plan; and, when a function is called, one that is illegal for
            it, with the reason.

    >>> with saving("output"):
    ...     current_plan()
    'output'
    """
    token = _plan.set(check_plan(plan))
    try:
        yield
    finally:
        _plan.reset(token)


def set_saving(plan: str) -> None:
    """Make a memory plan the default of this thread, until it is set again."""
    _plan.set(check_plan(plan))


def check_legal(entry: Definition, plan: str, given: Mapping[str, Any]) -> None:
    """Raise ActlasError with the reason if the plan cannot serve an entry at these parameters."""
    if plan == "output":
        _recovery(facts_of(entry, given).curve.root, entry.name)


def planned(of: Elementwise, name: str, plan: str, numbers: tuple[float, ...]) -> type[Any]:
    """Return the autograd Function that keeps what the plan says.

    Raises:
        ActlasError: where the plan is illegal for the function, with the reason.
    """
    return _function(of, name or repr(of.root), plan, tuple(map(float, numbers)))


@cache
def _function(of: Elementwise, name: str, plan: str, numbers: tuple[float, ...]) -> type[Any]:
    curve = Curve.of(of.root, dict(zip(of.inputs[1:], numbers, strict=True)))
    if plan == "few-bit":
        return _few_bit(of, numbers, curve)
    return _from_output(of, numbers, curve.root, name)


# ---------------------------------------------------------------- from the output


def _from_output(of: Elementwise, numbers: tuple[float, ...], bound: Expr, name: str) -> type[Any]:
    root, split = _recovery(bound, name)

    class FromOutput(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            _check_precision(x, name)
            y = of.at_numbers(x, numbers)
            bits = [] if split is None else [pack(x.detach() > split, 1)]
            ctx.save_for_backward(y, *bits)
            return y

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            y, *bits = ctx.saved_tensors
            right = unpack(bits[0], y.shape, 1) if bits else torch.ones((), dtype=torch.uint8)
            return _pull_back(root, y, right.to(y.dtype).to(y.device), grad)

    return FromOutput


def _check_precision(x: torch.Tensor, name: str) -> None:
    if x.dtype == torch.float64:
        raise ActlasError(f"{name}: save='output' recovers f' to {ERROR:g}, which float64 would "
                          "notice; use save='input'")  # fmt: skip


def _pull_back(
    root: Expr, y: torch.Tensor, right: torch.Tensor, grad: torch.Tensor
) -> torch.Tensor:
    """Return grad times the recovered derivative, from the engine or by torch operations."""
    inputs = [y, right, grad]
    if launch.serves(inputs):
        found = launch.run_program(handed_over(root, ("x", "right", "grad"), "grad"), inputs)
        if found is not None:
            return found
    wide = [v.float() if v.dtype != torch.float64 else v for v in inputs]
    slope: torch.Tensor = torch_tape(root, ("x", "right"))(wide[0], wide[1])
    return (wide[2] * slope).to(y.dtype)


@cache
def _recovery(bound: Expr, name: str) -> tuple[Expr, float | None]:
    """Return f' as an expression of the output x and of the bit `right`; and where that splits.

    `bound` is the function with numbers for its parameters. The expression is over tables.
    """
    how = branches(Facts(Curve(bound)), name)
    slopes = [_branch(how, branch, name) for branch in how.branches]
    found = slopes[0] if len(slopes) < 2 else (
        make("where", make("gt", symbol("right"), 0.5), slopes[1], slopes[0]))  # fmt: skip
    for value in how.flats:
        found = _where_equal(value, 0.0, found)
    if how.split is not None:
        found = _where_equal(how.turn, how.at_turn, found)
    return found, how.split


def _where_equal(value: float, slope: float, found: Expr) -> Expr:
    """Return `found`, but `slope` where the output is `value` as float32 holds it."""
    held = np.float32(value).item()
    below = make("where", make("le", X, held), slope, found)
    return make("where", make("ge", X, held), below, found)


def _branch(how: Branches, branch: Branch, name: str) -> Expr:
    place = _place(how, branch)
    found: Expr | None = None
    for part in branch.pieces:
        try:
            table = tabulate(partial(_slope_at, how, branch, part), ERROR)
        except NotTabular as error:
            raise ActlasError(f"{name}: f' is not a smooth function of the output ({error}); "
                              "use save='input' or 'few-bit'") from None  # fmt: skip
        piece = intern("table", (place,), table_number(table))
        here = make("ge" if part.closed else "gt", X, np.float32(part.start).item())
        found = piece if found is None else make("where", here, piece, found)
    assert found is not None  # a branch rises or falls somewhere
    if how.split is None or np.isinf(branch.ends[1]):
        return found
    return make("where", make("lt", place, 1e30), found, 0)  # at the end itself f is constant


def _slope_at(how: Branches, branch: Branch, part: Piece, u: Array) -> Array:
    return part.slope(how.to_output(u, branch))


def _place(how: Branches, branch: Branch) -> Expr:
    """Return the place on a branch, whose inverse is `Branches.to_output`."""
    below, above = branch.ends
    if how.split is not None:
        rest = make("max", make("mul", how.sign, make("sub", X, how.turn)), 0)
        return _towards(make("sqrt", rest), above)
    if np.isinf(below):
        return make("where", make("gt", X, 0), _towards(X, above), X)
    left = make("neg", _towards(make("neg", X), below))
    return make("where", make("gt", X, 0), _towards(X, above), left)


def _towards(distance: Expr, end: float) -> Expr:
    """Return distance / (end - distance), which is infinite where the end is reached."""
    if np.isinf(end):
        return distance
    return make("div", distance, make("max", make("sub", end, distance), 0))


# ---------------------------------------------------------------- few bits


def _few_bit(of: Elementwise, numbers: tuple[float, ...], curve: Curve) -> type[Any]:
    edges, levels = quantised_slope(curve, 1 << BITS)

    class FewBit(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            borders = torch.tensor(edges, dtype=torch.float32, device=x.device)
            ctx.save_for_backward(pack(torch.bucketize(x.detach().float(), borders), BITS))
            ctx.shape = x.shape
            return of.at_numbers(x, numbers)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            values = torch.tensor(levels, dtype=torch.float32, device=grad.device)
            index = unpack(ctx.saved_tensors[0], ctx.shape, BITS)
            return (grad * values[index.int()]).to(grad.dtype)

    return FewBit


def quantised_slope(curve: Curve, count: int) -> tuple[list[float], list[float]]:
    """Return borders and the mean f' between them, of least squared error under N(0, 1).

    A thousandth of the weight is that of N(0, 2), so that wider inputs find levels too.

    The optimum over all ways to cut a fine grid, by dynamic programming. Joints of the formula,
    where f' may jump, are cut exactly.
    """
    beside = [float(joint) + side for joint in curve.breaks for side in (-1e-6, 1e-6)]
    x = np.unique([*np.linspace(-8, 8, 641), *beside])
    weight = (np.exp(-x * x / 2) + 1e-3 * np.exp(-x * x / 8) + 1e-9) * np.gradient(x)
    slope = curve.slope()(x)
    sums = [np.concatenate([[0.0], np.cumsum(weight * slope**k)]) for k in range(3)]
    first, last = np.triu_indices(len(x) + 1, 1)
    mass, mean, square = (s[last] - s[first] for s in sums)
    cost = np.full((len(x) + 1, len(x) + 1), np.inf)
    cost[first, last] = square - mean**2 / mass
    best, cuts = cost[0].copy(), []
    for _ in range(count - 1):
        total = best[:, None] + cost
        cuts.append(total.argmin(0))
        best = total.min(0)
    edges = [len(x)]
    for cut in reversed(cuts):
        edges.append(int(cut[edges[-1]]))
    edges = sorted({*edges, 0})
    levels = [float((sums[1][b] - sums[1][a]) / (sums[0][b] - sums[0][a]))
              for a, b in pairwise(edges)]  # fmt: skip
    return [float((x[i - 1] + x[i]) / 2) for i in edges[1:-1]], levels


# ---------------------------------------------------------------- packing


def pack(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Return small integers (or booleans) as bytes that each hold 8/bits of them.

    >>> unpack(pack(torch.tensor([1, 0, 1]), 1), (3,), 1).tolist()
    [1, 0, 1]
    """
    per = 8 // bits
    flat = values.reshape(-1).to(torch.uint8)
    flat = torch.nn.functional.pad(flat, (0, -flat.numel() % per)).view(-1, per)
    packed = flat[:, 0].clone()
    for place in range(1, per):
        packed |= flat[:, place] << (bits * place)
    return packed


def unpack(packed: torch.Tensor, shape: torch.Size | tuple[int, ...], bits: int) -> torch.Tensor:
    """Return the small integers of `pack` in their shape, as uint8."""
    per, mask = 8 // bits, (1 << bits) - 1
    flat = torch.stack([packed >> (bits * place) & mask for place in range(per)], dim=1)
    return flat.reshape(-1)[: int(np.prod(shape))].view(shape)
