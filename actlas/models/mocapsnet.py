"""MoCapsNet: a deep capsule network whose middle is one reversible chain with momentum.

Images pass a convolution and the primary capsules (vectors of 8 numbers), a layer that routes them
to `capsules` capsules, 2 x `blocks` capsule layers of equal shape, and a layer with one capsule of
16 numbers per class; the length of that one is the score of the class. The middle is written in
`_reversible.py` and needs the memory of one layer, whatever its depth.

Sources: Gugglberger, Peer and Rodriguez-Sanchez 2022, Momentum Capsule Networks (the network);
Sabour, Frosst and Hinton 2017, Dynamic Routing Between Capsules (capsules, routing, loss);
Peer, Stabinger and Rodriguez-Sanchez 2018 (routing by scaled distance agreement).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from actlas.catalogue import Paper
from actlas.errors import ActlasError, nearest
from actlas.models._parts import checked_size
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._reversible import MomentumChain
from actlas.models._sizes import OneSize
from actlas.models._start import start_
from actlas.models._tokens import need_sizes
from actlas.nn.structured._common import need_choice
from actlas.nn.structured.squash import Squash

ROUTINGS = ("dynamic", "sda")
FORMS = ("chain", "released", "residual")
_CERTAIN = 0.9  # the share that SDA routing gives to a capsule at half the mean distance


class CapsuleLayer(nn.Module):
    r"""Capsules that agree on the votes of the capsules below.

    Capsule i below votes :math:`u_{oi} = W_{oi} x_i` for capsule o; the votes are added with
    coefficients :math:`c_{oi}`, softmax over o, that a few rounds of routing find, and squashed.

    Args:
        below, length_below: number and length of the capsules of the input.
        capsules, length: number and length of the capsules of the output.
        rounds: rounds of routing, at least 1.
        routing: "dynamic" or "sda".
        generator: random state of the weights, N(0, 0.01^2); None takes PyTorch's.

    Shape: (N, below, length_below) -> (N, capsules, length).

    Source: Sabour et al. 2017, Eq. 1 to 3 and procedure 1.

    >>> CapsuleLayer(6, 4, 3, 8)(torch.zeros(2, 6, 4)).shape
    torch.Size([2, 3, 8])
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, below: int, length_below: int, capsules: int, length: int, rounds: int = 3,
        routing: str = "dynamic", generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        need_choice(routing, ROUTINGS, "routing", "CapsuleLayer")
        self.rounds, self.routing = checked_size(rounds, "rounds"), routing
        weight = torch.empty(capsules, below, length, length_below)
        self.weight = nn.Parameter(nn.init.normal_(weight, std=0.01, generator=generator))
        shift = nn.Parameter(torch.full((capsules, length), 0.1)) if routing == "sda" else None
        self.register_parameter("bias", shift)
        self.squash = Squash()

    def forward(self, x: Tensor) -> Tensor:
        """Vote, route, squash."""
        votes = torch.einsum("oidk,nik->noid", self.weight, x)
        return self._dynamic(votes) if self.routing == "dynamic" else self._sda(votes, x)

    def _dynamic(self, votes: Tensor) -> Tensor:
        fixed, agreement = votes.detach(), votes.new_zeros(votes.shape[:3])
        for _ in range(self.rounds - 1):
            capsules = self._squashed(fixed, agreement)
            agreement = agreement + torch.einsum("noid,nod->noi", fixed, capsules)
        return self._squashed(votes, agreement)

    def _sda(self, votes: Tensor, x: Tensor) -> Tensor:
        votes = _no_longer_than(votes, x)
        logits = votes.new_zeros(votes.shape[:3])
        for _ in range(self.rounds - 1):
            capsules = self._squashed(votes, logits)
            distance = _length(votes - capsules.unsqueeze(2))
            mean = distance.detach().mean((1, 2), keepdim=True)
            logits = sda_scale(mean, votes.shape[1]) * distance
        return self._squashed(votes, logits)

    def _squashed(self, votes: Tensor, logits: Tensor) -> Tensor:
        total = torch.einsum("noi,noid->nod", logits.softmax(1).to(votes.dtype), votes)
        capsules: Tensor = self.squash(total if self.bias is None else total + self.bias)
        return capsules

    def extra_repr(self) -> str:
        """Say how many capsules of which length, and how they are routed."""
        above, below, length, length_below = self.weight.shape
        return f"{below} x {length_below} -> {above} x {length}, {self.routing} x {self.rounds}"


def sda_scale(mean: Tensor, capsules: int) -> Tensor:
    r"""Return the factor t of the logits t d in routing by scaled distance agreement.

    .. math:: t = \frac{\log(0.9 (C - 1)) - \log(1 - 0.9)}{d_p - d_o}, \quad d_p = d_o / 2

    A capsule at distance d_p among C - 1 others at the mean distance d_o then gets exactly 0.9.

    Args:
        mean: the mean distance d_o between votes and capsules.
        capsules: their number C, at least 2.

    >>> d, t = torch.tensor([0.5, 1.0, 1.0]), sda_scale(torch.tensor(1.0), 3)
    >>> (t * d).softmax(0)
    tensor([0.9000, 0.0500, 0.0500])
    """
    if capsules < 2:
        raise ActlasError(f"routing 'sda' needs at least 2 capsules to choose from, got {capsules}")
    wanted = math.log(_CERTAIN * (capsules - 1)) - math.log(1 - _CERTAIN)
    return -wanted / (0.5 * mean).clamp(min=1e-12)


def _no_longer_than(votes: Tensor, x: Tensor) -> Tensor:
    """Return the votes shortened to the length of the capsules they come from, |u| <= |x|."""
    longest, own = _length(x).unsqueeze(1), _length(votes)
    return votes * (longest / own.clamp(min=1e-12)).clamp(max=1).unsqueeze(-1)


def _length(x: Tensor) -> Tensor:
    """Return the Euclidean length along the last dimension; its gradient at 0 is 0."""
    length: Tensor = torch.linalg.vector_norm(x, dim=-1)
    return length


class ReleasedBlock(nn.Module):
    """A block as the released code runs it: x + M(x), M a chain of its own.

    The wrapper that makes the chain puts it inside the block's own residual loop, so that the
    block skips twice and stores a state; memory grows with the number of blocks.
    """

    def __init__(self, chain: MomentumChain) -> None:
        super().__init__()
        self.chain = chain

    def forward(self, x: Tensor) -> Tensor:
        """Return x + M(x)."""
        y: Tensor = x + self.chain(x)
        return y


class _ResidualLayer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.layer(x)
        return y


class MoCapsNet(nn.Module):
    """The network; `forward` returns the scores, `capsules` and `reconstruct` the rest.

    Its parts are `convolution`, `primary`, `first`, `middle`, `last` and `decoder` (or None).
    """

    decoder: nn.Sequential | None

    def __init__(
        self, convolution: nn.Module, primary: nn.Module, length: int, layers: list[nn.Module],
        decoder: nn.Sequential | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.convolution, self.primary, self.length = convolution, primary, length
        self.first, self.middle, self.last = layers
        self.squash, self.decoder = Squash(), decoder

    def capsules(self, images: Tensor) -> Tensor:
        """Return the class capsules, (N, classes, 16)."""
        maps: Tensor = self.primary(self.convolution(images))
        parts = self.squash(maps.flatten(1).unflatten(1, (-1, self.length)))
        found: Tensor = self.last(self.middle(self.first(parts)))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return the lengths of the class capsules, (N, classes), each below 1."""
        return _length(self.capsules(images))

    def reconstruct(self, capsules: Tensor, classes: Tensor | None = None) -> Tensor:
        """Return images in [0, 1] made from one capsule each: of `classes`, else the longest."""
        if self.decoder is None:
            raise ActlasError("this network was built without a decoder; use decoder=True")
        chosen = _length(capsules).argmax(1) if classes is None else classes
        mask = F.one_hot(chosen, capsules.shape[1]).to(capsules.dtype).unsqueeze(-1)
        images: Tensor = self.decoder((capsules * mask).flatten(1))
        return images


def capsule_loss(
    scores: Tensor, target: Tensor, reconstruction: Tensor | None = None,
    images: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return margin loss plus 5e-4 times the squared error of the images, summed over the batch.

    Args:
        scores: (N, classes), lengths of class capsules.
        target: (N,), the right classes.
        reconstruction, images: tensors of one shape in [0, 1]; without them the margins alone.

    Raises:
        ActlasError: for one of reconstruction and images without the other.

    Source: Sabour et al. 2017, Eq. 4 and section 4.1: m+ = 0.9, m- = 0.1, lambda = 0.5.

    >>> capsule_loss(torch.tensor([[0.9, 0.1]]), torch.tensor([0]))
    tensor(0.)
    """
    right = F.one_hot(target, scores.shape[1]).to(scores.dtype)
    missing, spurious = (0.9 - scores).clamp(min=0), (scores - 0.1).clamp(min=0)
    loss = (right * missing.square() + 0.5 * (1 - right) * spurious.square()).sum()
    if reconstruction is None and images is None:
        return loss
    if reconstruction is None or images is None:
        given = "reconstruction" if images is None else "images"
        raise ActlasError(f"capsule_loss takes reconstruction and images together, got {given} "
                          f"alone")  # fmt: skip
    return loss + 5e-4 * (reconstruction - images).square().sum()


@network(
    id="mocapsnet", title="MoCapsNet", takes="images", input=(1, 28, 28),
    paper=Paper(author="Gugglberger et al.", year=2022, arxiv="2201.11091",
                title="Momentum Capsule Networks"),
    aliases=("momentum_capsule_network", "momentum_capsnet"),
    parameters={
        "width=256, capsules=32, decoder=True": 9_272_336,
        "width=256, capsules=32, decoder=True, channels=3, image_size=32": 13_494_016,
    },
    deviations=(
        "The released code runs a momentum net inside every block's own residual loop, x + M(x), "
        "and stores a state per block; here all capsule layers are one reversible chain, and "
        "form='released' gives the other.",
        "SDA routing: the released code misses a bracket in the scale, log(0.9 (C-1)) - log(0.1) "
        "/ (d_p - d_o); here the difference of logarithms is divided, as in the code of Peer et "
        "al.; the mean distance is each sample's own, not the batch's.",
        "The released code crops test images at random and compares standardised images with a "
        "sigmoid's output; both are the caller's business here, and capsule_loss wants images in "
        "[0, 1].",
        "The state is kept in 64-bit integers: in float32 100 layers cannot be undone.",
    ),
)  # fmt: skip
def mocapsnet(
    *, channels: int = 1, image_size: int = 28, classes: int = 10, width: int = 16,
    capsules: int = 8, blocks: int = 1, rounds: int = 3, routing: str = "dynamic",
    gamma: float = 0.9, form: str = "chain", reversible: bool = True, arithmetic: str = "exact",
    decoder: bool = False, activation: str | type[nn.Module] | ActivationFactory = "relu",
    generator: torch.Generator | None = None,
) -> MoCapsNet:  # fmt: skip
    """Deep capsule network with momentum, of constant memory in its depth.

    Args:
        channels, image_size, classes: of the images, whose side is at least 17.
        width: channels of both convolutions, a multiple of 8; 256 in the paper.
        capsules: capsules of a layer in the middle; 32 in the paper.
        blocks: pairs of capsule layers in the middle; 1 to 8 in the paper, 15 to 25 in deep runs.
        rounds: rounds of routing; 3 in the paper.
        routing: "dynamic" or "sda".
        gamma: momentum, above 0 and below 1; 0.9 in the paper.
        form: "chain" (one chain), "released" (a chain per block inside a second skip) or
            "residual" (x + f(x), the paper's comparison without momentum).
        reversible: recompute the middle backward instead of keeping it.
        arithmetic: of the reversible state, see `MomentumChain`.
        decoder: whether to build the network that paints the image from its capsule.
        activation: of the first convolution and the decoder.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, a gamma outside (0, 1), an unknown form or routing, or
            images of another size.

    >>> mocapsnet(blocks=4)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    if form not in FORMS:
        raise ActlasError(f"form must be one of {', '.join(map(repr, FORMS))}, got {form!r}."
                          f"{nearest(str(form), FORMS)}")  # fmt: skip
    need_sizes("MoCapsNet", channels=channels, image_size=image_size, classes=classes, width=width,
               capsules=capsules, blocks=blocks, rounds=rounds)  # fmt: skip
    make, side = activation_factory(activation), (image_size - 8 - 9) // 2 + 1
    if width % 8 or side < 1:
        raise ActlasError(f"MoCapsNet: width must be a multiple of 8 and image_size at least 17, "
                          f"got {width} and {image_size}")  # fmt: skip
    stem = nn.Sequential(
        OneSize(channels, image_size, "MoCapsNet"), nn.Conv2d(channels, width, 9), make()
    )
    primary = nn.Conv2d(width, width, 9, stride=2)
    start_(nn.Sequential(stem, primary), make(), generator)
    routed = {"rounds": rounds, "routing": routing, "generator": generator}
    first = CapsuleLayer(width // 8 * side * side, 8, capsules, 8, **routed)  # type: ignore[arg-type]
    equal: list[nn.Module] = [
        CapsuleLayer(capsules, 8, capsules, 8, **routed)  # type: ignore[arg-type]
        for _ in range(2 * blocks)
    ]
    last = CapsuleLayer(capsules, 8, classes, 16, **routed)  # type: ignore[arg-type]
    how = {"gamma": gamma, "reversible": reversible, "arithmetic": arithmetic}
    painter = _decoder(classes, channels, image_size, make, generator) if decoder else None
    return MoCapsNet(stem, primary, 8, [first, _middle(equal, form, how), last], painter)


def _middle(layers: list[nn.Module], form: str, how: dict[str, object]) -> nn.Module:
    if form == "residual":
        return nn.Sequential(*map(_ResidualLayer, layers))
    if form == "chain":
        return MomentumChain(layers, **how)  # type: ignore[arg-type]
    pairs = zip(layers[::2], layers[1::2], strict=True)
    return nn.Sequential(*(ReleasedBlock(MomentumChain(pair, **how)) for pair in pairs))  # type: ignore[arg-type]


def _decoder(
    classes: int, channels: int, side: int, make: ActivationFactory,
    generator: torch.Generator | None,
) -> nn.Sequential:  # fmt: skip
    painter = nn.Sequential(
        nn.Linear(16 * classes, 512), make(), nn.Linear(512, 1024), make(),
        nn.Linear(1024, channels * side * side), nn.Sigmoid(),
        nn.Unflatten(1, (channels, side, side)),
    )  # fmt: skip
    return start_(painter, make(), generator)
