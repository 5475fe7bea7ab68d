"""Elman, LSTM and GRU cells with free functions, and layers of them.

With tanh and sigmoid the cells compute what torch.nn.RNN, LSTM and GRU compute, with the same
shapes and order of weights, so that weights can be copied either way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.errors import ActlasError
from actlas.models._parts import checked_probability
from actlas.models._registry import activation_factory
from actlas.models._tokens import need_sizes

State = tuple[Tensor, ...]


class Cell(nn.Module):
    """One step of a recurrent layer; the subclasses fill in `step`.

    Args:
        inputs: size of the vector that comes in at a step.
        hidden: size of the state.

    Weights are U(±1/√hidden), as in torch.nn. Raises ActlasError for sizes below 1.
    """

    gates: ClassVar[int] = 1  # blocks of rows in each weight
    carried: ClassVar[int] = 1  # tensors in the state; the first one is the output

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        need_sizes(type(self).__name__, inputs=inputs, hidden=hidden)
        self.inputs, self.hidden = inputs, hidden
        rows = self.gates * hidden
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights and biases anew."""
        bound = 1 / math.sqrt(self.hidden)
        for parameter in self.parameters(recurse=False):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def project(self, x: Tensor) -> Tensor:
        """Return the share of the input in the sums, (*, inputs) -> (*, gates hidden)."""
        return functional.linear(x, self.weight_ih, self.bias_ih)

    def recur(self, h: Tensor) -> Tensor:
        """Return the share of the previous output in the sums."""
        return functional.linear(h, self.weight_hh, self.bias_hh)

    def step(self, projected: Tensor, state: State) -> State:
        """Return the next state from the projected input and the state."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """Return the next state for inputs x of shape (N, inputs); without a state it is 0."""
        return self.step(self.project(x), state or self.start(x))

    def start(self, x: Tensor) -> State:
        """Return a state of zeros for a batch."""
        return tuple(x.new_zeros(x.shape[0], self.hidden) for _ in range(self.carried))

    def extra_repr(self) -> str:
        return f"inputs={self.inputs}, hidden={self.hidden}"


class ElmanCell(Cell):
    r"""Elman's simple recurrence with any function.

    .. math:: h' = f(W_{ih} x + b_{ih} + W_{hh} h + b_{hh})

    Args:
        inputs, hidden: sizes.
        activation: f, a name, a class or a factory of modules.

    Source: Elman 1990; torch.nn.RNN for tanh and ReLU.

    >>> [tuple(h.shape) for h in ElmanCell(3, 5, "telu")(torch.zeros(2, 3))]
    [(2, 5)]
    """

    def __init__(self, inputs: int, hidden: int, activation: Any = "tanh") -> None:
        super().__init__(inputs, hidden)
        self.activation = activation_factory(activation)()

    def step(self, projected: Tensor, state: State) -> State:
        return (self.activation(projected + self.recur(state[0])),)


class LSTMCell(Cell):
    r"""Long short-term memory with any function of the state and of the gates.

    .. math:: c' = s(f) c + s(i) f_1(g), \quad h' = s(o) f_2(c')

    with (i, f, g, o) the four blocks of W_ih x + b_ih + W_hh h + b_hh.

    Args:
        inputs, hidden: sizes.
        activation: f_1 and f_2, each a module of its own. A function without an upper bound
            lets the output grow with the cell.
        gate: s, three modules; the gates are shares, so a function with values in [0, 1].

    Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, in the form
    of torch.nn.LSTM.
    """

    gates: ClassVar[int] = 4
    carried: ClassVar[int] = 2

    def __init__(
        self, inputs: int, hidden: int, activation: Any = "tanh", gate: Any = "sigmoid"
    ) -> None:
        super().__init__(inputs, hidden)
        make, make_gate = activation_factory(activation), activation_factory(gate)
        self.input_gate, self.forget_gate, self.output_gate = (make_gate() for _ in range(3))
        self.candidate, self.activation = make(), make()

    def step(self, projected: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = (projected + self.recur(h)).chunk(4, -1)
        c = self.forget_gate(f) * c + self.input_gate(i) * self.candidate(g)
        return self.output_gate(o) * self.activation(c), c


class GRUCell(Cell):
    r"""Gated recurrent unit with any function of the candidate and of the gates.

    .. math:: n = f(W_n x + b_n + s(r) (U_n h + d_n)), \quad h' = (1 - s(z)) n + s(z) h

    Args:
        inputs, hidden: sizes.
        activation: f of the candidate.
        gate: s of the reset gate r and the update gate z, two modules.

    Source: Cho et al. 2014 in the form of torch.nn.GRU: the reset gate multiplies after the
    matrix, where the paper has it before.
    """

    gates: ClassVar[int] = 3

    def __init__(
        self, inputs: int, hidden: int, activation: Any = "tanh", gate: Any = "sigmoid"
    ) -> None:
        super().__init__(inputs, hidden)
        make_gate = activation_factory(gate)
        self.reset_gate, self.update_gate = make_gate(), make_gate()
        self.activation = activation_factory(activation)()

    def step(self, projected: Tensor, state: State) -> State:
        (h,) = state
        r, z, n = projected.chunk(3, -1)
        to_r, to_z, to_n = self.recur(h).chunk(3, -1)
        update = self.update_gate(z + to_z)
        candidate = self.activation(n + self.reset_gate(r + to_r) * to_n)
        return ((1 - update) * candidate + update * h,)


class Recurrent(nn.Module):
    """Layers of cells that read sequences, with dropout between them, as in torch.nn.LSTM.

    Args:
        cells: from the input to the output.
        dropout: on the outputs of every layer but the last while training.

    Shape: (N, T, inputs) -> (N, T, hidden).
    """

    def __init__(self, cells: Sequence[Cell], dropout: float = 0.0) -> None:
        super().__init__()
        if not cells:
            raise ActlasError("Recurrent: a stack needs one cell or more, got none")
        self.cells = nn.ModuleList(cells)
        self.dropout = nn.Dropout(checked_probability(dropout, "Recurrent: dropout"))

    def forward(
        self, x: Tensor, states: Sequence[State] | None = None, real: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """Return the outputs of the last layer and the last state of every layer.

        Args:
            x: (N, T, inputs).
            states: one state per layer to start from; zeros by default.
            real: (N, T) of bool; where it is False the state stays as it is.
        """
        starts = states or [cell.start(x) for cell in self.cells]  # type: ignore[operator]
        last = []
        for place, (cell, state) in enumerate(zip(self.cells, starts, strict=True)):
            inputs = self.dropout(x) if place else x
            x, state = _read(cell, inputs, state, real)  # type: ignore[arg-type]
            last.append(state)
        return x, last


def _read(cell: Cell, x: Tensor, state: State, real: Tensor | None) -> tuple[Tensor, State]:
    outputs = []
    for place, projected in enumerate(cell.project(x).unbind(1)):
        after = cell.step(projected, state)
        if real is not None:
            there = real[:, place, None]
            after = tuple(torch.where(there, new, old)
                          for new, old in zip(after, state, strict=True))  # fmt: skip
        state = after
        outputs.append(state[0])
    return torch.stack(outputs, 1), state
