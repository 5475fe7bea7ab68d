"""LeNet-5: two convolutions, each with pooling, and three linear layers."""

from __future__ import annotations

import torch
from torch import nn

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import Images, checked_size, staged
from actlas.models._registry import ActivationFactory, activation_factory, network
from actlas.models._start import start_

_PADDING = {28: 2, 32: 0}  # by the side of the image


@network(
    id="lenet",
    title="LeNet-5",
    paper=Paper("LeCun et al.", 1998, title="Gradient-based learning applied to document "
                "recognition", venue="Proceedings of the IEEE", doi="10.1109/5.726791"),
    takes="images",
    input=(1, 28, 28),
    parameters={"": 61_706, "channels=3, image_size=32": 62_006},
    aliases=("lenet5",),
    deviations=(
        "Pooling has no weights, the second convolution sees all channels, and the outputs are "
        "linear instead of Gaussian connections, as is common today.",
        "Start weights follow He's rule with the gain of the activation.",
    ),
)  # fmt: skip
def lenet(
    channels: int = 1, image_size: int = 28, classes: int = 10, *,
    activation: str | type[nn.Module] | ActivationFactory = "tanh",
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Two convolutions with average pooling, then linear layers of 120, 84 and `classes` units.

    Args:
        channels: of the images.
        image_size: their side, 28 (padded to 32) or 32.
        classes: outputs.
        activation: a name, a class or a factory.
        generator: random state of the start weights; None takes PyTorch's.

    Raises:
        ActlasError: for another size of image.

    Source: LeCun et al. 1998, section II.B.

    >>> lenet(activation="relu")(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    make = activation_factory(activation)
    if image_size not in _PADDING:
        raise ActlasError(f"lenet: image_size must be 28 or 32, got {image_size!r}")
    features = nn.Sequential(
        nn.Conv2d(checked_size(channels, "channels"), 6, 5, padding=_PADDING[image_size]), make(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), make(),
        nn.AvgPool2d(2),
    )  # fmt: skip
    head = nn.Sequential(
        nn.Flatten(),
        nn.Linear(400, 120), make(),
        nn.Linear(120, 84), make(),
        nn.Linear(84, checked_size(classes, "classes")),
    )  # fmt: skip
    images = Images(channels, image_size, "lenet", exact=True)
    return start_(staged(images=images, features=features, head=head), make(), generator)
