"""Autoencoder and variational autoencoder of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import Vectors
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_
from actlas.models._tokens import need_sizes

_TELU = Paper("Fernandez and Mali", 2024, arxiv="2412.20269", title="TeLU Activation Function for "
              "Fast and Stable Deep Learning")  # fmt: skip
_VAE = Paper("Kingma and Welling", 2013, arxiv="1312.6114",
             title="Auto-Encoding Variational Bayes")  # fmt: skip
_GAIN = "Weights start by He's rule with the gain of the function, not ReLU's gain for all."


def _dense(widths: Sequence[int], make: ActivationFactory) -> list[nn.Module]:
    """Return linear layers of the given widths, each with its activation."""
    return [layer for inside, out in pairwise(widths) for layer in (nn.Linear(inside, out), make())]


def _widths(network: str, inputs: int, widths: Sequence[int], least: int) -> tuple[int, ...]:
    named = {f"widths[{place}]": width for place, width in enumerate(widths)}
    need_sizes(network, inputs=inputs, **named)
    if len(widths) < least:
        raise ActlasError(f"{network}: widths must name {least} or more layers, got {widths!r}")
    return (inputs, *widths)


@network(id="autoencoder", title="Autoencoder", paper=_TELU, takes="features", input=(1024,),
         parameters={"": 560_784}, deviations=(
             "The released code feeds 3,072 numbers of a CIFAR-10 image into 1,024 inputs and "
             "stops; here the inputs are what the caller says.", _GAIN))  # fmt: skip
def autoencoder(
    activation: Any = "relu", inputs: int = 1024, widths: Sequence[int] = (256, 64, 16),
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Multilayer perceptron that gives back its input through a narrow middle.

    Args:
        activation: after every layer but the last.
        inputs: numbers of an example; what is not a vector is flattened.
        widths: of the layers down to the middle; the way up mirrors them.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, no width, or an unknown function.

    Source: the CIFAR-10 autoencoder of Fernandez and Mali 2024, 1024-256-64-16-64-256-1024.

    >>> autoencoder("telu", inputs=12, widths=(6, 2))(torch.zeros(3, 12)).shape
    torch.Size([3, 12])
    """
    down = _widths("autoencoder", inputs, widths, 1)
    make = activation_factory(activation)
    up = down[::-1]
    net = nn.Sequential(Vectors(inputs, "autoencoder"), *_dense(down, make),
                        *_dense(up[:-1], make), nn.Linear(up[-2], inputs))  # fmt: skip
    return start_(net, make(), generator)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return the divergence of N(mean, variance) from N(0, 1), summed over the last dimension.

    .. math:: D = \tfrac12 \sum_j (\mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2)

    Source: Kingma and Welling 2013, appendix B.

    >>> gaussian_kl(torch.tensor([1.0, 0.0]), torch.zeros(2))
    tensor(0.5000)
    """
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance).sum(-1)


class VAE(nn.Module):
    """A pair of perceptrons: from x to a normal distribution over codes, and from a code to x.

    Build it with `vae`. `forward(x)` returns the logits of the reconstruction from the mean code;
    `elbo(x, generator)` is what training raises.
    """

    def __init__(self, encoder: nn.Sequential, code: nn.Linear, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder, self.code, self.decoder = encoder, code, decoder

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the codes, (N, inputs) -> twice (N, latent)."""
        mean, log_variance = self.code(self.encoder(x)).chunk(2, -1)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encode(x)[0])  # type: ignore[no-any-return]

    def elbo(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the evidence lower bound of each example, (N,), from one code each.

        Args:
            x: (N, inputs) of numbers in [0, 1].
            generator: random state of the codes.

        Source: Kingma and Welling 2013, equation 10 with a Bernoulli decoder (appendix C.1).
        """
        mean, log_variance = self.encode(x)
        code = mean + torch.exp(log_variance / 2) * _noise(mean, generator)
        return self.log_likelihood(x, code) - gaussian_kl(mean, log_variance)

    def log_likelihood(self, x: Tensor, code: Tensor) -> Tensor:
        """Return log p(x | code) summed over the numbers of an example, (N,)."""
        target = x.flatten(1)
        if target.min() < 0 or target.max() > 1:
            raise ActlasError(f"vae: inputs are probabilities of pixels, in [0, 1], got "
                              f"{target.min().item():g} to {target.max().item():g}")  # fmt: skip
        logits = self.decoder(code)
        losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return -losses.sum(-1)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Return `count` examples from random codes, as probabilities."""
        need_sizes("vae", count=count)
        weight = self.code.weight
        code = _noise(weight.new_empty(count, self.code.out_features // 2), generator)
        return torch.sigmoid(self.decoder(code))


def _noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return normal numbers of a tensor's shape, drawn where the generator lives."""
    place = like.device if generator is None else generator.device
    return torch.randn(like.shape, dtype=like.dtype, device=place, generator=generator).to(like)


@network(id="vae", title="Variational autoencoder", paper=_VAE, takes="features", input=(784,),
         aliases=("variational_autoencoder",), parameters={"": 1_091_920},
         deviations=("The decoder ends in logits, not in a sigmoid, so that the loss is stable.",
                     _GAIN))  # fmt: skip
def vae(
    activation: Any = "relu", inputs: int = 784, widths: Sequence[int] = (512, 256),
    latent: int = 32, generator: torch.Generator | None = None,
) -> VAE:  # fmt: skip
    """Variational autoencoder of fully connected layers with a Bernoulli decoder.

    Args:
        activation: after every hidden layer of encoder and decoder.
        inputs: numbers of an example, each in [0, 1]; what is not a vector is flattened.
        widths: of the encoder's hidden layers; the decoder mirrors them.
        latent: size of a code.
        generator: random state of the weights; None takes PyTorch's.

    Raises:
        ActlasError: for sizes below 1, no hidden layer or an unknown function.

    Source: Kingma and Welling 2013; the sizes are those of TeLU's paper (arXiv:2412.20269).

    >>> net = vae("telu", inputs=12, widths=(8,), latent=2)
    >>> net.elbo(torch.zeros(3, 12), torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    down = _widths("vae", inputs, widths, 1)
    need_sizes("vae", latent=latent)
    make = activation_factory(activation)
    up = (latent, *down[:0:-1])
    net = VAE(
        nn.Sequential(Vectors(inputs, "vae"), *_dense(down, make)),
        nn.Linear(down[-1], 2 * latent),
        nn.Sequential(*_dense(up, make), nn.Linear(up[-1], inputs)),
    )
    return start_(net, make(), generator, linear=(net.code,))
