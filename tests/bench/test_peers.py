"""Every peer computes the same function, forward and backward, before anybody is timed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import actlas
from actlas.bench.cells import BOTH, DTYPES, FORWARD, INTO, MODES, Cell, Work, numbers
from actlas.bench.peers import ACTLAS, COPY, PEERS, Peer
from actlas.bench.peers._peer import agrees, missing, points
from actlas.bench.peers.native import namesakes
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.expr import walk
from tests.conftest import ENTRIES, over

FORMULAS = [PEERS["eager"], PEERS["composition"]]


def operations(entry: Definition) -> set[str]:
    """Return what the paper's formula is made of."""
    return {node.op for node in walk(entry.expression(as_printed=True))}


def _covering() -> Iterator[Definition]:
    """Yield few entries that together use every primitive of the catalogue."""
    left = set().union(*map(operations, ENTRIES))
    while left:
        best = max(ENTRIES, key=lambda entry: len(operations(entry) & left))
        left -= operations(best)
        yield best


COVERING = list(_covering())


def present(peer: Peer) -> Peer:
    if peer.absent():
        pytest.skip(peer.absent())
    return peer


@over()
@pytest.mark.parametrize("peer", FORMULAS, ids=lambda peer: peer.name)
def test_every_function_has_a_formula_with_its_values(entry: Definition, peer: Peer) -> None:
    assert peer.function(actlas.get(entry.name)) is not None


@over(COVERING)
def test_jax_knows_every_primitive(entry: Definition) -> None:
    jax = pytest.importorskip("jax")
    assert jax.__version__
    assert PEERS["jax"].function(actlas.get(entry.name)) is not None


def forward_and_gradient(peer: Peer, entry: Definition) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the timed calls of a side give, at 100 numbers."""
    activation = actlas.get(entry.name)
    function = peer.function(activation)
    found = []
    for mode in (FORWARD, BOTH):
        call = peer.call(function, Work(activation, Cell(entry.name, mode, 100)))
        assert call is not None
        with torch.set_grad_enabled(mode == BOTH):
            found.append(call())
    return found[0], found[1][0]


@over([entry for entry in COVERING if len(entry.inputs) == 1])
@pytest.mark.parametrize("peer", [ACTLAS, *FORMULAS], ids=lambda peer: peer.name)
def test_the_timed_calls_give_value_and_gradient(entry: Definition, peer: Peer) -> None:
    activation = actlas.get(entry.name)
    x, seed = (numbers("normal", 100, "fp32", stream) for stream in (0, 2))
    value, gradient = forward_and_gradient(peer, entry)
    torch.testing.assert_close(value, activation(x.double()).float(), rtol=1e-4, atol=1e-5)
    truth = (seed.double() * activation.derivative()(x.double())).float()
    torch.testing.assert_close(gradient, truth, rtol=1e-3, atol=1e-4)
    assert not value.requires_grad


def test_pytorch_has_what_torch_nn_has() -> None:
    found = {name for name in actlas.names("torch") if _native(name) is not None}
    assert len(found) >= 22
    assert {"relu", "gelu", "silu", "mish"} <= found
    assert _native("gelu_tanh").keywords == {"approximate": "tanh"}


def _native(name: str):
    try:
        return PEERS["torch"].function(actlas.get(name))
    except ActlasError:
        return None


def test_no_native_function_works_in_place() -> None:
    places = (torch.nn.functional, torch)
    for name in actlas.names("torch"):
        for candidate in namesakes(actlas.get(name), places):
            assert not getattr(candidate, "__name__", "").endswith("_"), candidate
    for name in actlas.names("torch"):
        found, x = _native(name), numbers("normal", 100, "fp32", 0)
        before = x.clone()
        if found is not None:
            found(x)
        assert torch.equal(x, before), name


def test_a_namesake_with_another_meaning_is_refused() -> None:
    """torch.sinc is sin(pi x)/(pi x); here it is sin(x)/x."""
    with pytest.raises(ActlasError, match="another function has this name"):
        PEERS["torch"].function(actlas.get("sinc"))


def test_values_that_are_slightly_off_are_seen() -> None:
    gelu = actlas.get("gelu")
    assert agrees(gelu(*points(gelu)), gelu)
    assert not agrees(actlas.get("gelu_tanh")(*points(gelu)), gelu)
    assert not agrees(np.where(points(gelu)[0] > 8, 0, gelu(*points(gelu))), gelu)
    assert not agrees(gelu(*points(gelu)) * np.nan, gelu)


def test_into_writes_into_one_buffer() -> None:
    work = Work(actlas.get("telu"), Cell("telu", INTO, 100))
    with torch.no_grad():
        for peer in (COPY, ACTLAS):
            call = peer.call(peer.function(work.activation), work)
            if call is None:  # a version whose functions take no `out`
                continue
            assert call().data_ptr() == call().data_ptr()
        assert torch.equal(COPY.call(None, work)(), work.tensors[0])
        assert PEERS["eager"].call(PEERS["eager"].function(work.activation), work) is None


def test_an_absent_peer_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert missing("jax") == 'jax is not installed: pip install "actlas[bench]"'
    assert {"jax", "onnxruntime", "torch-activation"} <= {n for n, p in PEERS.items() if p.absent()}
    assert not PEERS["torch"].absent()


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_runtime_reads_and_writes_our_memory(dtype: str) -> None:
    peer, mish = present(PEERS["onnxruntime"]), actlas.get("mish")
    found = peer.function(mish)
    for mode in MODES:
        call = peer.call(found, Work(mish, Cell("mish", mode, 100, dtype)))
        assert (call is None) == (mode == BOTH)
        if call is not None:
            call()


def test_the_collection_is_found_by_name() -> None:
    peer = present(PEERS["torch-activation"])
    assert peer.function(actlas.get("telu")) is not None  # there it is called TanhExp
    with pytest.raises(ActlasError, match="another function"):
        peer.function(actlas.get("tanhsoft_1"))


@pytest.mark.parametrize("kind", ["normal", "wide"])
def test_numbers_are_the_same_every_time(kind: str) -> None:
    x = numbers(kind, 1000, "fp32", 0)
    numbers.cache_clear()
    assert torch.equal(x, numbers(kind, 1000, "fp32", 0))
    assert not torch.equal(x, numbers(kind, 1000, "fp32", 1))
    assert 1e-4 < x.abs().min()
    assert x.abs().max() < (101 if kind == "wide" else 6)
