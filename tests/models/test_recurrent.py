"""Recurrent cells against torch.nn with the same weights, and the language model on them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import count_parameters, find_network
from actlas.models.recurrent import (
    Cell,
    ElmanCell,
    GRUCell,
    LSTMCell,
    Recurrent,
    State,
    elman_lm,
    gru_lm,
    lstm_lm,
)

INPUTS, HIDDEN, STEPS, BATCH = 5, 7, 11, 3
PAIRS: dict[str, tuple[type[Cell], type[nn.RNNBase], dict[str, Any]]] = {
    "elman-tanh": (ElmanCell, nn.RNN, {"nonlinearity": "tanh"}),
    "elman-relu": (ElmanCell, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTMCell, nn.LSTM, {}),
    "gru": (GRUCell, nn.GRU, {}),
}
BOUNDS = {torch.float64: 1e-13, torch.float32: 2e-6}


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def pair(name: str, dtype: torch.dtype, cell: type[Cell] | None = None) -> tuple[Any, Any]:
    """Return two layers of ours and of torch.nn with the same weights."""
    ours, theirs, options = PAIRS[name]
    function = {"activation": options["nonlinearity"]} if options else {}
    made = cell or ours
    layers = Recurrent([made(INPUTS, HIDDEN, **function), made(HIDDEN, HIDDEN, **function)])
    other = theirs(INPUTS, HIDDEN, num_layers=2, batch_first=True, **options)
    for place, layer in enumerate(layers.cells):
        for weight in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(layer, weight).data = getattr(other, f"{weight}_l{place}").data.to(dtype)
    return layers.to(dtype), other.to(dtype)


def largest_difference(name: str, dtype: torch.dtype, cell: type[Cell] | None = None) -> float:
    """Return the largest difference in outputs, last states and the gradient of the input."""
    ours, theirs = pair(name, dtype, cell)
    x, seed = random(BATCH, STEPS, INPUTS, dtype=dtype), random(BATCH, STEPS, HIDDEN, dtype=dtype)
    results = []
    for net in (ours, theirs):
        leaf = x.clone().requires_grad_()
        outputs, state = net(leaf)
        outputs.backward(seed)
        if net is ours:
            state = [torch.stack(parts) for parts in zip(*state, strict=True)]
        states = list(state) if isinstance(state, (tuple, list)) else [state]
        results.append([outputs, leaf.grad, *states])
    return max((a - b).abs().max().item() for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_with_the_usual_functions_cells_are_those_of_torch(name: str, dtype: torch.dtype) -> None:
    assert largest_difference(name, dtype) <= BOUNDS[dtype]


class Swapped(LSTMCell):
    """A planted fault: input and forget gate change places."""

    def step(self, projected: Tensor, state: State) -> State:
        i, f, g, o = projected.chunk(4, -1)
        return super().step(torch.cat((f, i, g, o), -1), state)


class ResetBefore(GRUCell):
    """A planted fault: the reset gate acts before the matrix, as in the paper, not in torch."""

    def step(self, projected: Tensor, state: State) -> State:
        (h,) = state
        r, z, n = projected.chunk(3, -1)
        to_r, to_z, _ = self.recur(h).chunk(3, -1)
        kept = self.reset_gate(r + to_r) * h
        candidate = self.activation(n + self.recur(kept).chunk(3, -1)[2])
        update = self.update_gate(z + to_z)
        return ((1 - update) * candidate + update * h,)


@pytest.mark.parametrize(("name", "cell"), [("lstm", Swapped), ("gru", ResetBefore)])
def test_planted_faults_are_seen(name: str, cell: type[Cell]) -> None:
    assert largest_difference(name, torch.float64, cell) > 1e-3


def test_one_step_of_each_cell_is_its_formula() -> None:
    x, h, c = random(2, INPUTS), random(2, HIDDEN, seed=1), random(2, HIDDEN, seed=2)
    elman = ElmanCell(INPUTS, HIDDEN, "sin").double()
    sums = x @ elman.weight_ih.T + elman.bias_ih + h @ elman.weight_hh.T + elman.bias_hh
    torch.testing.assert_close(elman(x, (h,))[0], sums.sin())
    lstm = LSTMCell(INPUTS, HIDDEN, "softsign", "hardsigmoid").double()
    i, f, g, o = (x @ lstm.weight_ih.T + lstm.bias_ih + h @ lstm.weight_hh.T + lstm.bias_hh).chunk(
        4, 1
    )
    gate, squash = nn.functional.hardsigmoid, nn.functional.softsign
    cell = gate(f) * c + gate(i) * squash(g)
    torch.testing.assert_close(lstm(x, (h, c)), (gate(o) * squash(cell), cell))


def test_where_a_word_is_not_real_the_state_stays() -> None:
    layers = Recurrent([LSTMCell(INPUTS, HIDDEN), LSTMCell(HIDDEN, HIDDEN)]).double()
    x, real = random(BATCH, STEPS, INPUTS), torch.ones(BATCH, STEPS, dtype=torch.bool)
    real[:, 6:] = False
    outputs, states = layers(x, real=real)
    shorter, expected = layers(x[:, :6])
    torch.testing.assert_close(outputs[:, :6], shorter)
    for found, state in zip(states, expected, strict=True):
        torch.testing.assert_close(found, state)


@pytest.mark.parametrize("build", [elman_lm, lstm_lm, gru_lm])
def test_a_text_read_in_pieces_is_the_text(build: Any) -> None:
    model = build(generator=torch.Generator().manual_seed(0)).eval()
    tokens = torch.randint(64, (2, 12), generator=torch.Generator().manual_seed(1))
    first, states = model.read(tokens[:, :5])
    rest, _ = model.read(tokens[:, 5:], states)
    torch.testing.assert_close(torch.cat((first, rest), 1), model(tokens))


@pytest.mark.parametrize(("name", "theirs"), [
    ("elman_lm", nn.RNN), ("lstm_lm", nn.LSTM), ("gru_lm", nn.GRU)])  # fmt: skip
def test_the_parameters_at_the_size_of_the_paper(name: str, theirs: Any) -> None:
    entry = find_network(name)
    ((options, count),) = entry.parameters.items()
    assert options == "vocabulary=10000, embedding=450, hidden=650"
    with torch.device("meta"):
        model = entry.build(vocabulary=10_000, embedding=450, hidden=650)
        same = nn.ModuleList(
            [nn.Embedding(10_000, 450), theirs(450, 650, num_layers=2), nn.Linear(650, 10_000)]
        )
    assert count_parameters(model) == count_parameters(same) == count


def test_start_weights_are_drawn_from_the_generator() -> None:
    one, two = (lstm_lm(generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert one.embedding.weight.abs().max() <= 0.1 >= one.decoder.weight.abs().max()
    assert not one.decoder.bias.any()
    assert one.layers.cells[0].weight_hh.abs().max() <= 1 / 8  # hidden is 64


def test_every_place_has_a_function_of_its_own_and_learns() -> None:
    model = lstm_lm("swish", gate="adaptive_sigmoid")
    model(torch.zeros(2, 4, dtype=torch.long)).sum().backward()
    assert len({id(m) for m in model.modules() if hasattr(m, "entry")}) == 2 * 5
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(("options", "said"), [
    ({"hidden": -3}, "hidden must be a whole number of at least 1, got -3"),
    ({"layers": 0}, "layers must be a whole number"), ({"vocabulary": 2.0}, "vocabulary must"),
    ({"dropout": 1.5}, "dropout must be a probability"), ({"gate": "sigmoit"}, "sigmoid"),
    ({"activation": nn.Tanh()}, "every place would share"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        lstm_lm(**options)


@pytest.mark.parametrize(("tokens", "said"), [
    (torch.full((1, 4), 64), "0 to 63, a vocabulary of 64, got 64 to 64"),
    (torch.full((1, 4), -1), "got -1 to -1"), (torch.zeros(1, 4), "integers of shape"),
    (torch.zeros(4, dtype=torch.long), "integers of shape"),
    (torch.zeros(1, 0, dtype=torch.long), "1 or more tokens, got 0"),
])  # fmt: skip
def test_bad_tokens_are_refused(tokens: Tensor, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        elman_lm()(tokens)


def test_an_empty_stack_is_refused() -> None:
    with pytest.raises(ActlasError, match="one cell or more"):
        Recurrent([])
