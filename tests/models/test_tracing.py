"""Networks of tokens, vectors and points run as one graph of torch.compile."""

from __future__ import annotations

import pytest
import torch

from actlas.models import default_input, find_network

QUICK = ("char_cnn", "detector", "gpt", "pinn", "vae")
UNROLLED = ("elman_lm",)  # one piece of graph for every step


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow)
                                            for n in UNROLLED)])  # fmt: skip
def test_traces_in_one_graph(name: str) -> None:
    entry = find_network(name)
    network, x = (
        entry.build(generator=torch.Generator().manual_seed(0)).eval(),
        default_input(entry),
    )
    traced = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(traced(x), network(x))
