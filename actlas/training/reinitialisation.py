"""Layer-wise re-initialisation: train in rounds, each with fewer blocks drawn anew.

Paper: Alabdulmohsin, Maennel and Keysers, "The Impact of Reinitialization on Generalization in
Convolutional Neural Networks", arXiv 2109.00267. The elided steps follow its abstract and the
independent code of "Fortuitous Forgetting" (ICLR 2022). With K blocks and G rounds, round g:

1. the first re-initialised block is floor(g K/G); it and all above are drawn anew;
2. RESCALE: every tensor below goes back to the norm it had when training began, and to 0 where
   that norm was 0 (biases of batch norms);
3. NORMALISE: behind the block below, x -> (x - mean)/std per channel is switched on, with mean
   and std of the round's first batch, and frozen; those switched on before stay;
4. the whole network is trained, with a fresh optimiser.

It is a method for small data sets: the paper's own conclusion sees no benefit on large ones. The
submission to TMLR was rejected, and the code above reports its own method ahead of this one.
`probes.py` measures what the paper explains it by: margins, and the flatness of the minimum.

Deviations:
    The norms are recorded after the first round's draw, when training begins, so that a network
    that comes trained is not rescaled to its trained norms.
    The frozen normalisation adds 1e-5 to the variance, where the code has no epsilon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from actlas.errors import ActlasError
from actlas.training._checks import modules, no_shared_parameters, positive_integer
from actlas.training._random import seed_from

NO_NORM = 1e-6  # tensors that began with less than this are set to 0
Train = Callable[["LayerwiseNetwork", Optimizer, int], Any]
MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


class FrozenNormalisation(nn.Module):
    """Standardises each channel with the statistics of one batch; the identity until `start`.

    >>> layer = FrozenNormalisation().start()
    >>> y = layer(torch.tensor([[0.0], [2.0]]))  # the batch that it keeps
    >>> [round(float(v), 3) for v in layer(torch.tensor([[0.0], [1.0], [4.0]]))]
    [-1.0, 0.0, 3.0]
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.on = eps, False
        self.register_buffer("mean", None)
        self.register_buffer("std", None)

    def start(self) -> FrozenNormalisation:
        """Switch on; the next batch gives the statistics."""
        self.on = True
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Standardise x, of shape (N, channels, ...)."""
        if not self.on:
            return x
        if self.mean is None or self.std is None:
            self.mean, self.std = self._statistics(x)
        return (x - self.mean.to(x.device)) / self.std.to(x.device)

    @torch.no_grad()
    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        over = [d for d in range(x.ndim) if d != 1]
        variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
        return mean, (variance + self.eps).sqrt()

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        if prefix + "_extra_state" in state:
            for name in ("mean", "std"):  # their shape is known from the first batch only
                value = state.get(prefix + name)
                setattr(self, name, None if value is None else value.detach().clone())
        super()._load_from_state_dict(state, prefix, *rest)

    def get_extra_state(self) -> Tensor:
        """Return whether it is on, which a layer that waits for its batch cannot tell otherwise."""
        return torch.tensor(self.on)

    def set_extra_state(self, state: Tensor) -> None:
        """Take that over."""
        self.on = bool(state)

    def extra_repr(self) -> str:
        """Show the state."""
        return "off" if not self.on else "waits for a batch" if self.mean is None else "frozen"


class LayerwiseNetwork(nn.Module):
    """A chain of blocks with a `FrozenNormalisation` behind each but the last.

    Raises:
        ActlasError: for fewer than two blocks, one of them twice, or shared parameters.
    """

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        found = modules(blocks, "blocks")
        if len(found) < 2:
            raise ActlasError("blocks must be two or more, in the order in which they run, got 1")
        no_shared_parameters({f"block {number}": block for number, block in enumerate(found)})
        self.blocks = nn.ModuleList(found)
        self.norms = nn.ModuleList(FrozenNormalisation() for _ in found[1:])

    def forward(self, x: Any) -> Any:
        """Run the blocks one after the other."""
        for block, norm in zip(self.blocks, [*self.norms, None], strict=True):
            x = block(x) if norm is None else norm(block(x))
        return x


@dataclass(frozen=True)
class Round:
    """A round: its number, the first block that was drawn anew, and what `train` returned."""

    number: int
    first: int
    result: Any


def first_blocks(blocks: int, rounds: int) -> list[int]:
    """Return the first re-initialised block of every round, floor(g K/G).

    >>> first_blocks(9, 11)
    [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    """
    count, rounds = positive_integer(blocks, "blocks"), positive_integer(rounds, "rounds")
    return [number * count // rounds for number in range(rounds)]


def layerwise_reinitialisation(
    blocks: Iterable[nn.Module],
    train: Train,
    make_optimizer: MakeOptimizer,
    *,
    rounds: int | None = None,
    initialise: Callable[[nn.Module], Any] | None = None,
    rescale: bool = True,
    normalise: bool = True,
    generator: torch.Generator | None = None,
) -> tuple[LayerwiseNetwork, list[Round]]:
    """Train a chain of blocks in rounds with fewer and fewer blocks drawn anew.

    Args:
        blocks: an nn.Sequential or a list of modules, from the input to the head; they are
            trained in place.
        train: trains the network for one whole schedule: train(network, optimizer, round).
        make_optimizer: builds an optimiser from parameters; called once per round, so that no
            state of re-initialised tensors is left.
        rounds: G, from 1 up; by default one per block.
        initialise: draws one block anew; by default `reset_parameters` of all its modules.
        rescale, normalise: the two parts of the method, for ablations.
        generator: random state of the default draw; None takes PyTorch's.

    Raises:
        ActlasError: for blocks that share parameters or cannot be drawn anew, or for no rounds;
            they are then unchanged.

    Source: Alabdulmohsin et al. 2021.
    """
    network = LayerwiseNetwork(blocks)
    draw = initialise or _resetting(network, generator)
    count = len(network.blocks)
    history: list[Round] = []
    norms: dict[nn.Parameter, float] = {}
    for number, first in enumerate(first_blocks(count, count if rounds is None else rounds)):
        for block in network.blocks[first:]:
            draw(block)
        norms = norms or {p: float(p.detach().norm()) for p in network.parameters()}
        if rescale:
            _rescale(network.blocks[:first], norms)
        if normalise and first:
            network.norms[first - 1].start()  # type: ignore[operator]
        result = train(network, make_optimizer(network.parameters()), number)
        history.append(Round(number, first, result))
    return network, history


@torch.no_grad()
def _rescale(blocks: Iterable[nn.Module], norms: Mapping[nn.Parameter, float]) -> None:
    """Give every tensor the norm it began with, and keep its direction."""
    for block in blocks:
        for parameter in block.parameters():
            norm = float(parameter.norm())
            if norms[parameter] < NO_NORM:
                parameter.zero_()
            elif norm:
                parameter.mul_(norms[parameter] / norm)


def _resetting(
    network: LayerwiseNetwork, generator: torch.Generator | None
) -> Callable[[nn.Module], None]:
    """Return a function that resets every module of a block, if every module can be."""
    for name, module in network.blocks.named_modules():
        own = any(True for _ in module.parameters(recurse=False))
        if own and not callable(getattr(module, "reset_parameters", None)):
            raise ActlasError(f"block {name} ({type(module).__name__}) has parameters and no "
                              "reset_parameters; pass initialise=")  # fmt: skip

    def reset(block: nn.Module) -> None:
        seed = seed_from(generator)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for module in block.modules():
                if callable(draw := getattr(module, "reset_parameters", None)):
                    draw()

    return reset
