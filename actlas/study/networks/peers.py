"""Models of timm and torchvision with another activation: "timm:NAME", "torchvision:NAME".

A model is built with random weights; then `actlas.replace` puts the new function wherever the
model calls a hidden one, and a second look makes sure that none is left.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from torch import nn

from actlas.api import get
from actlas.errors import ActlasError, nearest, need_extra
from actlas.models import activation_factory
from actlas.models._registry import ActivationFactory
from actlas.surgery.replacement import Site, replace
from actlas.surgery.replacement.selection import is_identity
from actlas.surgery.replacement.sites import collect


def _library(module: str) -> Any:
    """Import a library; ActlasError if it is missing, or built for another PyTorch."""
    try:
        return need_extra(module, "timm")
    except RuntimeError as error:
        raise ActlasError(f"{module} is installed and cannot be imported: {error}") from None


def _timm(name: str, channels: int, classes: int, **options: Any) -> nn.Module:
    timm = _library("timm")
    if name not in timm.list_models():
        raise ActlasError(f"timm has no model {name!r}.{nearest(name, timm.list_models())}")
    model: nn.Module = timm.create_model(
        name, pretrained=False, in_chans=channels, num_classes=classes, **options
    )
    return model


def _torchvision(name: str, channels: int, classes: int, **options: Any) -> nn.Module:
    models = _library("torchvision.models")
    known = models.list_models(module=models)
    if name not in known:
        raise ActlasError(f"torchvision has no classifier {name!r}.{nearest(name, known)}")
    if channels != 3:
        raise ActlasError(f"torchvision:{name} takes images of 3 channels, got {channels}")
    model: nn.Module = models.get_model(name, weights=None, num_classes=classes, **options)
    return model


_PEERS: dict[str, Callable[..., nn.Module]] = {"timm": _timm, "torchvision": _torchvision}


def is_peer(text: str) -> bool:
    """Say whether a network is named as another library's; ActlasError if not one that is known.

    >>> is_peer("timm:resnet18"), is_peer("resnet18")
    (True, False)
    """
    library, colon, _ = text.partition(":")
    if colon and library not in _PEERS:
        names = ", ".join(f"{peer}:NAME" for peer in _PEERS)
        raise ActlasError(f"networks of other libraries are {names}, got {text!r}."
                          f"{nearest(library, _PEERS)}")  # fmt: skip
    return bool(colon)


def peer_version(text: str) -> str:
    """Return library and version of a peer's network, "" for one of ours.

    >>> peer_version("resnet")
    ''
    """
    library = text.partition(":")[0]
    return f"{library} {version(library)}" if is_peer(text) else ""


def build_peer(
    text: str, activation: str | type[nn.Module] | ActivationFactory = "relu", *,
    channels: int = 3, classes: int = 10, **options: Any,
) -> nn.Module:  # fmt: skip
    """Return a model of timm or torchvision in which `activation` stands in every hidden place.

    Hidden functions are those with f(0) = 0; gates such as sigmoid and hard sigmoid, which have
    f(0) = 1/2, stay, and so does softmax.

    Args:
        text: "timm:NAME" or "torchvision:NAME"; weights are random, nothing is downloaded.
        activation: a name, a class or a factory.
        channels: of the images; torchvision's models take 3.
        classes: outputs.
        options: further arguments of the library's own builder.

    Raises:
        ActlasError: if the library is missing, for unknown names, and where a hidden function
            could not be replaced.
    """
    library, _, name = text.partition(":")
    make = activation_factory(activation)
    try:
        model = _PEERS[library](name, channels, classes, **options)
    except TypeError as error:
        raise ActlasError(f"{text}: {error}") from None
    return with_activation(model, make, text)


def with_activation(model: nn.Module, make: ActivationFactory, label: str) -> nn.Module:
    """Replace every hidden function of `model` in place; ActlasError if one is left."""
    made: list[nn.Module] = []

    def fresh(_: Site) -> nn.Module:
        made.append(make())
        return made[-1]

    report = replace(model, {is_hidden: fresh}, keep_inplace=False)
    for row in report.refused:
        raise ActlasError(f"{label}: {row.path} keeps {row.old}: {row.reason}")
    new = set(map(id, made))
    left = [site.path for site in collect(model) if is_hidden(site) and id(site.old) not in new]
    if left:
        raise ActlasError(f"{label}: {', '.join(left)} could not be replaced")
    return model


def is_hidden(site: Site) -> bool:
    """Say whether a place calls a function of one input with f(0) = 0 that is no placeholder."""
    if site.entry is None or len(site.entry.inputs) > 1 or is_identity(site):
        return False
    return bool(get(site.entry.name)(0.0) == 0.0)
