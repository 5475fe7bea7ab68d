"""A variational autoencoder of 3,000 images of MNIST, scored by the bound on its likelihood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from actlas.models.autoencoder import VAE, gaussian_kl, vae
from actlas.study import Data, Metric, Split, Task
from actlas.study.tasks import find_task

_PIXELS, _CODE = 784, 16
_WORST = 1000.0  # nats; a network that gives 1/2 everywhere has 543
_mnist = find_task("mnist")


def _data(data_root: Path | None) -> Data:
    """Return images whose targets are their own pixels."""
    data = _mnist.data(data_root)
    parts = zip((data.train, data.validation, data.test), (3_000, 1_000, 2_000), strict=True)
    return Data(*(_own(split.inputs[:count]) for split, count in parts))


def _own(images: Tensor) -> Split:
    pixels = images.flatten(1).float() / 255
    return Split(pixels, pixels)


def _bound_loss(outputs: Tensor, pixels: Tensor) -> Tensor:
    """Return the negative bound in nats, the mean over images: cross-entropy and divergence."""
    logits, mean, log_variance = outputs.split([_PIXELS, _CODE, _CODE], dim=1)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, pixels, reduction="none")
    return (entropy.sum(1) + gaussian_kl(mean, log_variance)).mean()


def _score(outputs: Tensor, pixels: Tensor) -> float:
    return min(_WORST, float(_bound_loss(outputs, pixels)))


class _Outputs(nn.Module):
    """Gives the logits of one code side by side with its mean and log-variance.

    Training draws the code from PyTorch's state, which the trainer seeds; scoring always draws
    the same one.
    """

    def __init__(self, net: VAE) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = self.net.encode(x)
        draws = None if self.training else torch.Generator().manual_seed(0)
        noise = torch.randn(mean.shape, generator=draws)
        logits = self.net.decoder(mean + torch.exp(log_variance / 2) * noise)
        return torch.cat([logits, mean, log_variance], dim=1)


def _network(activation: Callable[[], nn.Module]) -> nn.Module:
    return _Outputs(vae(activation, _PIXELS, widths=(256, 128), latent=_CODE))


MNIST_VAE = Task(
    name="studies.tasks.autoencoding:MNIST_VAE",
    title="3,000 images of MNIST (variational autoencoder 784-256-128-16)",
    data=_data,
    network=_network,
    epochs=15,
    batch_size=100,
    practical_difference=0.5,
    metric=Metric("negative bound", "nats", _score, _WORST, higher_is_better=False),
    loss=_bound_loss,
    optimizer="adam",
    learning_rates={"sgd": 1e-4, "adam": 0.001, "adamw": 0.001},
    limits=("3,000 training images, one fixed split, one code for each image in the score.",),
)
