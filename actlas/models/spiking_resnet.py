"""S-ResNet: a residual network of leaky integrate-and-fire neurons, trained through its spikes.

A neuron keeps a potential U from one time step to the next. It leaks, takes in the normalised
convolution of the spikes below, fires where it passes the threshold, and is reset by subtraction:

    U <- leak U + BN_t(conv(spikes below)),   s = 1[U > threshold],   U <- U - threshold s.

The step has no useful derivative; backward takes 0.3 max(0, 1 - |U / threshold - 1|) in its place,
and lets no gradient through the reset. Every time step has a batch normalisation of its own. At
the end of a block the spikes of the block and those that skipped it are added, so that signals are
small whole numbers. The image is shown at every step, and the logits are the mean of the last
layer's output over time.

Source: Vicente-Sola, Manna, Kirkland, Di Caterina and Bihl 2022, Keys to accurate feature
extraction using residual spiking neural networks; details as in the released code.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import conv
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    checked_depth,
    need_images,
    network,
)
from actlas.models._sizes import draw_
from actlas.models._tokens import need_sizes
from actlas.nn.structured._common import need_choice

ENCODINGS = ("direct", "poisson")
SLOPE = 0.3


def spike(x: Tensor) -> Tensor:
    """Return 1 where x > 0, else 0; its derivative is taken to be 0.3 max(0, 1 - |x|).

    >>> x = torch.tensor([-1.0, 0.0, 0.5], requires_grad=True)
    >>> spike(x).sum().backward()
    >>> x.grad
    tensor([0.0000, 0.3000, 0.1500])
    """
    near = x.clamp(-1, 1)
    surrogate = SLOPE * (near - near * near.abs() / 2)  # whose derivative is the triangle
    return (x > 0).to(x.dtype) + (surrogate - surrogate.detach())


class LIF(nn.Module):
    """Leaky integrate-and-fire neurons with reset by subtraction.

    Args:
        leak: the share of the potential that is left after a step, in [0, 1]; 1 does not leak.
        threshold: the potential above which a neuron fires, positive.

    Source: Vicente-Sola et al. 2022; 0.8744 is the leak of the released runs.

    >>> spikes, potential = LIF(leak=1.0)(torch.tensor([0.6]), torch.tensor([0.6]))
    >>> spikes, potential
    (tensor([1.]), tensor([0.2000]))
    """

    def __init__(self, leak: float = 0.8744, threshold: float = 1.0) -> None:
        super().__init__()
        if not 0 <= leak <= 1:
            raise ActlasError(f"leak must be a number from 0 to 1, got {leak!r}")
        if not threshold > 0:
            raise ActlasError(f"threshold must be a positive number, got {threshold!r}")
        self.leak, self.threshold = float(leak), float(threshold)

    def forward(self, current: Tensor, potential: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return spikes and potential after one step; a potential of None is 0."""
        charged = current if potential is None else self.leak * potential + current
        spikes = spike(charged / self.threshold - 1)
        return spikes, charged - self.threshold * spikes.detach()

    def extra_repr(self) -> str:
        """Say leak and threshold."""
        return f"leak={self.leak}, threshold={self.threshold}"


class Stateless(nn.Module):
    """An ordinary activation in the place of a neuron: it keeps nothing between steps."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, current: Tensor, potential: Tensor | None) -> tuple[Tensor, None]:
        """Return the activation of the current, and no potential."""
        return self.activation(current), None


class SteppedNorm(nn.Module):
    """Batch normalisation with statistics and parameters of its own for every time step."""

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.at = nn.ModuleList(nn.BatchNorm2d(channels, eps=1e-4) for _ in range(steps))

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Normalise the maps of one step."""
        y: Tensor = self.at[step](x)
        return y


class SpikingLayer(nn.Module):
    """A convolution, its normalisation at this step, and neurons (or None: the bare current)."""

    def __init__(self, convolution: nn.Conv2d, steps: int, neuron: nn.Module | None) -> None:
        super().__init__()
        self.convolution, self.neuron = convolution, neuron
        self.norm = SteppedNorm(convolution.out_channels, steps)

    def forward(self, x: Tensor, step: int, potential: Tensor | None) -> tuple[Tensor, Any]:
        """Return the output of this step and the potential for the next."""
        current = self.norm(self.convolution(x), step)
        if self.neuron is None:
            return current, None
        found: tuple[Tensor, Any] = self.neuron(current, potential)
        return found


class SpikingBlock(nn.Module):
    """Two layers, and the sum of their spikes with those that skip them."""

    def __init__(
        self, first: SpikingLayer, second: SpikingLayer, shortcut: SpikingLayer | None
    ) -> None:
        super().__init__()
        self.first, self.second, self.shortcut = first, second, shortcut

    def forward(self, x: Tensor, step: int, state: tuple[Any, Any]) -> tuple[Tensor, Any]:
        """Return the sum of this step, and both potentials."""
        hidden, one = self.first(x, step, state[0])
        spikes, two = self.second(hidden, step, state[1])
        skipped = x if self.shortcut is None else self.shortcut(x, step, None)[0]
        return spikes + skipped, (one, two)


class SpikingResNet(nn.Module):
    """The network: `stem`, `blocks` and `classify`, run once for every time step."""

    def __init__(
        self, stem: SpikingLayer, blocks: list[SpikingBlock], classify: nn.Linear, steps: int,
        channels: int, boost: int, encoding: str, generator: torch.Generator | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stem, self.blocks, self.classify = stem, nn.ModuleList(blocks), classify
        self.steps, self.channels, self.boost = steps, channels, boost
        self.encoding, self.generator = encoding, generator if encoding == "poisson" else None

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (N, classes).

        Args:
            images: (N, channels, H, W), shown at every step, or (N, steps, channels, H, W), one
                frame a step; H and W are multiples of 4.
        """
        if images.ndim == 5 and images.shape[1] != self.steps:
            raise ActlasError(f"SpikingResNet: made for {self.steps} steps, got "
                              f"{images.shape[1]} frames")  # fmt: skip
        films = images.ndim == 5
        stem, states = None, [(None, None)] * len(self.blocks)
        total: Tensor | float = 0.0
        for step in range(self.steps):
            x = images[:, step] if films else images
            need_images(x, self.channels, 4, "SpikingResNet")
            x, stem = self.stem(self._encoded(x), step, stem)
            for place, block in enumerate(self.blocks):
                x, states[place] = block(x, step, states[place])
            total = total + self._classes(x)
        return total / self.steps  # type: ignore[return-value]

    def _encoded(self, x: Tensor) -> Tensor:
        if self.encoding == "direct":
            return x
        place = x.device if self.generator is None else self.generator.device
        chance = torch.rand(x.shape, generator=self.generator, dtype=x.dtype, device=place)
        return x.sign() * (2 * chance.to(x.device) <= x.abs())

    def _classes(self, x: Tensor) -> Tensor:
        voted: Tensor = self.classify(x.mean((2, 3)))
        return voted.unflatten(1, (-1, self.boost)).mean(2) if self.boost > 1 else voted


@network(
    id="spiking_resnet", title="S-ResNet", takes="images", input=(3, 16, 16),
    paper=Paper(author="Vicente-Sola et al.", year=2022, arxiv="2111.05955",
                title="Keys to Accurate Feature Extraction Using Residual Spiking Neural Networks"),
    aliases=("s_resnet", "sresnet"),
    parameters={
        "depth=38, width=32, steps=50": 2_533_856,
        "depth=38, width=32, steps=50, classes=100": 2_545_376,
        "depth=38, width=32, steps=50, boost=10": 2_545_376,
    },
    deviations=(
        "The released code means to switch off the biases of batch normalisation, but sets an "
        "attribute of a list; the biases learn there, and here.",
        "An activation instead of the neurons gives the network without spikes: the same layers "
        "and steps, nothing kept between steps.",
        "Frames of events are taken as they come; the released code resizes them to 64 x 64.",
    ),
)  # fmt: skip
def spiking_resnet(
    *, channels: int = 3, classes: int = 10, depth: int = 8, width: int = 8, steps: int = 4,
    leak: float = 0.8744, boost: int = 1, stem_stride: int = 1, encoding: str = "direct",
    activation: str | type[nn.Module] | ActivationFactory | None = None,
    generator: torch.Generator | None = None,
) -> SpikingResNet:  # fmt: skip
    """Residual network of leaky integrate-and-fire neurons, for small images.

    Args:
        channels, classes: of the images; 2 channels for events.
        depth: 6n + 2 layers; 38 in the paper.
        width: channels of the first stage, doubled twice; 32 in the paper.
        steps: time steps T; 50 in the paper.
        leak: of the potential, in [0, 1].
        boost: outputs per class that are averaged; 10 with the paper's "boosting".
        stem_stride: of the first convolution; 2 for events.
        encoding: "direct" shows the image itself, "poisson" signed spikes of the probability
            |x| / 2.
        activation: None for spiking neurons; else the function that takes their place.
        generator: random state of weights and Poisson spikes; None takes PyTorch's.

    Raises:
        ActlasError: for another depth, sizes below 1, a leak outside [0, 1], sides that are no
            multiples of 4, or a film with another number of frames.

    >>> spiking_resnet(steps=2)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])
    """
    n = checked_depth(depth, 6, 2, "SpikingResNet")
    need_choice(encoding, ENCODINGS, "encoding", "SpikingResNet")
    need_sizes("SpikingResNet", channels=channels, classes=classes, width=width, steps=steps,
               boost=boost, stem_stride=stem_stride)  # fmt: skip
    make = partial(LIF, leak) if activation is None else _stateless(activation)

    def layer(fan_in: int, fan_out: int, stride: int = 1) -> SpikingLayer:
        return SpikingLayer(conv(fan_in, fan_out, 3, stride), steps, make())

    blocks, fan_in = [], width
    for stage in range(3):
        fan_out = width * 2**stage
        for _ in range(n):
            stride = 1 if fan_in == fan_out else 2
            way = SpikingLayer(conv(fan_in, fan_out, 1, 2), steps, None) if stride == 2 else None
            blocks.append(
                SpikingBlock(layer(fan_in, fan_out, stride), layer(fan_out, fan_out), way)
            )
            fan_in = fan_out
    classify = nn.Linear(fan_in, classes * boost, bias=False)
    net = SpikingResNet(
        layer(channels, width, stem_stride), blocks, classify, steps, channels, boost, encoding,
        generator,
    )  # fmt: skip
    draw_(net, partial(nn.init.xavier_uniform_, gain=2.0, generator=generator))
    return net


def _stateless(activation: str | type[nn.Module] | ActivationFactory) -> ActivationFactory:
    make = activation_factory(activation)
    return lambda: Stateless(make())
