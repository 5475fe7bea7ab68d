"""What a network of capsules keeps for its backward pass, by depth: counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from actlas.models.mocapsnet import mocapsnet

_BLOCKS = (2, 4, 8)  # a seed stands for a depth; each is compared with one block


def released(seed: int) -> Iterator[tuple[str, float]]:
    """Give what a further block adds, as the released code has it: a momentum net in each."""
    return _growth(seed, "released")


def one_chain(seed: int) -> Iterator[tuple[str, float]]:
    """Give what a further block adds where all blocks are one reversible chain."""
    return _growth(seed, "chain")


def _growth(seed: int, form: str) -> Iterator[tuple[str, float]]:
    """Give the bytes that every further block adds, as a share of what a plain one adds."""
    plain = _kept("residual", _BLOCKS[seed]) - _kept("residual", 1)
    yield "momentum", 100 * (_kept(form, _BLOCKS[seed]) - _kept(form, 1)) / plain
    yield "residual", 100.0


def _kept(form: str, blocks: int) -> int:
    """Return the bytes that autograd keeps in the middle of the network, each storage once."""
    draws = torch.Generator().manual_seed(0)
    net = mocapsnet(blocks=blocks, form=form, width=8, capsules=8, image_size=20, generator=draws)
    shape = (4, 8, 8)
    x = torch.randn(shape, generator=draws)
    kept: dict[int, int] = {}
    own = {weight.untyped_storage().data_ptr() for weight in net.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = net.middle(x)
    del result
    return sum(kept.values())
