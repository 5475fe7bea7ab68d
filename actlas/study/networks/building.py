"""A network from one line of text, such as "wide_resnet(depth=10, width=1)"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.models import find_network
from actlas.models._registry import ActivationFactory
from actlas.study.arms import parse_network
from actlas.study.networks.peers import build_peer, is_peer


def build_network(
    text: str, activation: str | type[nn.Module] | ActivationFactory | None = "relu", **options: Any
) -> nn.Module:
    """Return a network by name, with options in brackets or as arguments.

    Args:
        text: a network of `actlas models`, "timm:NAME" or "torchvision:NAME"; with options where
            wanted: "wide_resnet(depth=10, width=1)".
        activation: a name, a class or a factory of modules; None for the network's own functions.
        options: further ones; those in the brackets win.

    Raises:
        ActlasError: for unknown names and options with the nearest one, values out of range, and
            where an activation of a peer's model could not be replaced.

    >>> net = build_network("mlp(hidden=(32,))", activation="telu", inputs=64)
    >>> type(net.hidden[1]).__name__
    'TeLU'
    """
    name, given = parse_network(text)
    wanted = [*given, *(option for option in options if option != "generator")]
    options = {**options, **given}
    if is_peer(name):
        if activation is None:
            raise ActlasError(f"{name} has no functions of its own here; name one")
        return build_peer(name, activation, **options)
    check_options(name, wanted)
    if activation is not None:
        options["activation"] = activation
    return find_network(name).build(**options)


def check_options(name: str, given: Iterable[str]) -> None:
    """Raise ActlasError for an option that the network `name` does not take."""
    known = [option for option in find_network(name).options if option not in _OURS]
    for option in given:
        if option not in known:
            raise ActlasError(f"{name} has no option {option!r}; it takes {', '.join(known)}."
                              f"{nearest(option, known)}")  # fmt: skip


_OURS = ("activation", "generator")  # given by the caller, never in the text
