"""Where the gate lies: layouts of the two halves, and exact conversion of weights between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

import torch
from torch import Tensor

from actlas.errors import ActlasError, nearest

LAYOUTS = {
    "gate_first": "one tensor, the gate in the first half",
    "gate_second": "one tensor, the gate in the second half, as torch.nn.GLU has it",
    "interleaved": "one tensor, gate and linear in turn, the gate at the even places",
    "two_tensors": "two tensors, the gate first",
}
Halves = tuple[Tensor, Tensor]
Weights = Union[Tensor, Halves]


def check_layout(layout: str, name: str = "layout") -> str:
    """Return `layout`; ActlasError with the nearest valid name unless it is one of LAYOUTS."""
    if layout not in LAYOUTS:
        listed = ", ".join(map(repr, LAYOUTS))
        raise ActlasError(f"{name}: the layout must be one of {listed}, got {layout!r}."
                          f"{nearest(str(layout), LAYOUTS)}")  # fmt: skip
    return layout


def split(packed: Tensor, layout: str, dim: int = -1) -> Halves:
    """Return views of the gate half and the linear half of a packed tensor.

    Args:
        packed: a tensor with an even number of channels in dimension `dim`.
        layout: "gate_first", "gate_second" or "interleaved".
        dim: the dimension that holds both halves.

    Raises:
        ActlasError: for an unknown layout, a missing dimension or an odd number of channels.

    >>> split(torch.arange(6), "interleaved")
    (tensor([0, 2, 4]), tensor([1, 3, 5]))
    """
    _one_tensor(layout)
    place = _place(packed, dim)
    if layout == "interleaved":
        gate, linear = torch.unflatten(packed, place, (-1, 2)).unbind(place + 1)
        return gate, linear
    first, second = packed.chunk(2, place)
    return (first, second) if layout == "gate_first" else (second, first)


def join(gate: Tensor, linear: Tensor, layout: str, dim: int = -1) -> Tensor:
    """Return one tensor with both halves in the given layout; the inverse of `split`.

    >>> join(torch.tensor([0, 2]), torch.tensor([1, 3]), "interleaved")
    tensor([0, 1, 2, 3])
    """
    _one_tensor(layout)
    if gate.shape != linear.shape:
        raise ActlasError(f"the halves must have one shape, got {tuple(gate.shape)} and "
                          f"{tuple(linear.shape)}")  # fmt: skip
    if layout == "interleaved":
        place = dim % gate.ndim
        return torch.stack((gate, linear), place + 1).flatten(place, place + 1)
    return torch.cat((gate, linear) if layout == "gate_first" else (linear, gate), dim)


def convert(weights: Weights, old: str, new: str, dim: int = 0) -> Weights:
    """Return weights in another layout: the same numbers, bit for bit, in other places.

    Args:
        weights: one tensor, or (gate, linear) where `old` is "two_tensors".
        old: the layout they are in, one of LAYOUTS.
        new: the layout wanted; a pair (gate, linear) for "two_tensors".
        dim: the dimension of the output channels: 0 for the weight and bias of torch.nn.Linear,
            -1 for weights that are multiplied from the right.

    Raises:
        ActlasError: for an unknown layout or weights that do not have it.

    >>> convert(torch.arange(4), "gate_first", "interleaved")
    tensor([0, 2, 1, 3])
    """
    check_layout(new)
    if old == "two_tensors":
        if isinstance(weights, Tensor):
            raise ActlasError("the layout 'two_tensors' needs a pair (gate, linear), got a tensor")
        gate, linear = weights
    elif isinstance(weights, Tensor):
        gate, linear = split(weights, old, dim)
    else:
        raise ActlasError(f"the layout {check_layout(old)!r} needs one tensor, got a pair")
    return (gate, linear) if new == "two_tensors" else join(gate, linear, new, dim)


def convert_state(
    state: Mapping[str, Tensor],
    old: str,
    new: str,
    names: tuple[str, str, str] = ("gate_proj", "up_proj", "gate_up_proj"),
    dim: int = 0,
) -> dict[str, Tensor]:
    """Return a state_dict with the projections of its gated units in another layout.

    Args:
        state: any state_dict; entries of other layers stay as they are.
        old, new: layouts, see LAYOUTS.
        names: what the gate's, the linear half's and the fused projection are called, as a whole
            part between two dots. Default: the names of the Llama models of transformers.
        dim: the dimension of the output channels, see `convert`.

    Raises:
        ActlasError: if no entry has such a name, or one half is missing.

    >>> state = {"mlp.gate_proj.weight": torch.zeros(2, 3), "mlp.up_proj.weight": torch.ones(2, 3)}
    >>> list(convert_state(state, "two_tensors", "gate_first"))
    ['mlp.gate_up_proj.weight']
    """
    gate, linear, fused = names
    searched = gate if check_layout(old) == "two_tensors" else fused
    if not any(searched in key.split(".") for key in state):
        raise ActlasError(f"no entry of the state_dict is called {searched!r}")
    converted: dict[str, Tensor] = {}
    for key, value in state.items():
        parts = key.split(".")
        if searched in parts:
            there = _beside(state, key, parts, gate, linear) if searched == gate else None
            weights = convert(value if there is None else (value, there), old, new, dim)
            pair = [weights] if isinstance(weights, Tensor) else weights
            for name, part in zip([fused] if len(pair) == 1 else [gate, linear], pair, strict=True):
                converted[_renamed(parts, searched, name)] = part
        elif searched != gate or linear not in parts:
            converted[key] = value
    return converted


def _beside(
    state: Mapping[str, Tensor], key: str, parts: list[str], gate: str, linear: str
) -> Tensor:
    """Return the linear half that belongs to the gate's weights called `key`."""
    wanted = _renamed(parts, gate, linear)
    if wanted not in state:
        raise ActlasError(f"{key} has no {wanted} beside it")
    return state[wanted]


def _renamed(parts: list[str], old: str, new: str) -> str:
    return ".".join(new if part == old else part for part in parts)


def _one_tensor(layout: str) -> None:
    if check_layout(layout) == "two_tensors":
        raise ActlasError("the layout 'two_tensors' has no packed form; pass the halves themselves")


def _place(packed: Tensor, dim: int) -> int:
    shape = tuple(packed.shape)
    if not -packed.ndim <= dim < packed.ndim:
        raise ActlasError(f"the input of shape {shape} has no dimension {dim} to split")
    if packed.shape[dim] % 2:
        raise ActlasError(f"dimension {dim} of the input of shape {shape} cannot be halved: "
                          f"{packed.shape[dim]} is odd")  # fmt: skip
    return dim % packed.ndim
