"""The one list of networks: filled by the decorator above each builder."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from actlas.catalogue import Paper, fold
from actlas.errors import ActlasError, nearest
from actlas.nn import class_of, create

Builder = TypeVar("Builder", bound=Callable[..., nn.Module])
ActivationFactory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Network:
    """A network of a paper: how it is built, what it takes and how large the paper says it is.

    `parameters` are counts that stand in the paper (or follow from its tables), by the options
    that give them; `input` is the shape of one example, "tokens" stands for a length in `takes`.
    """

    id: str
    title: str
    build: Callable[..., nn.Module]
    paper: Paper
    takes: str
    input: tuple[int, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    description: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the network answers to."""
        return (self.id, *self.aliases)

    @property
    def options(self) -> tuple[str, ...]:
        """The arguments of the builder."""
        return tuple(inspect.signature(self.build).parameters)


_networks: dict[str, Network] = {}


def network(
    *,
    id: str,
    paper: Paper,
    takes: str,
    input: tuple[int, ...],
    title: str = "",
    parameters: Mapping[str, int] | None = None,
    aliases: tuple[str, ...] = (),
    deviations: tuple[str, ...] = (),
) -> Callable[[Builder], Builder]:
    """Enter the decorated builder among the networks.

    Args:
        id: lower_snake_case.
        paper: where it comes from.
        takes: what it is fed: "images", "features", "tokens", "points".
        input: the shape of one example without the batch, for the default options; (2, T) for two
            sentences that belong together, so that every network is called with one tensor.
        title: for people; the id by default.
        parameters: exact counts by call, such as {"depth=28, width=10": 36_479_194}; the empty
            string stands for the default options.
        aliases: other names.
        deviations: sentences that say where it departs from the paper or its published code.

    The first line of the builder's docstring is the description. The builder takes `activation`
    (a name, a class or a factory of modules) as an argument by name.
    """

    def enter(build: Builder) -> Builder:
        entry = Network(
            id=id, title=title or id, build=build, paper=paper, takes=takes, input=input,
            parameters=dict(parameters or {}), aliases=aliases, deviations=deviations,
            description=(build.__doc__ or "").strip().partition("\n")[0].strip(),
        )  # fmt: skip
        _check(entry)
        _networks[id] = entry
        return build

    return enter


def networks() -> dict[str, Network]:
    """Return every network by id, in alphabetical order; the dictionary is a copy."""
    return dict(sorted(_networks.items()))


def find_network(name: str) -> Network:
    """Return the network that answers to `name`, in any case and with any separators.

    Raises:
        ActlasError: for an unknown name, with the nearest one.
    """
    folded = fold(str(name))
    for entry in _networks.values():
        if folded in map(fold, entry.names):
            return entry
    known = [name for entry in _networks.values() for name in entry.names]
    raise ActlasError(f"no network is called {name!r}; `actlas models` lists them."
                      f"{nearest(str(name), known)}")  # fmt: skip


def activation_factory(activation: str | type[nn.Module] | ActivationFactory) -> ActivationFactory:
    """Return what makes a new module of the activation at every call.

    Args:
        activation: a name of the catalogue ("gelu"), a module class, or a function without
            arguments that returns a new module each time.

    Raises:
        ActlasError: for an unknown name, or a module instance, which many places would share.

    >>> activation_factory("leaky_relu")()
    LeakyReLU(negative_slope=0.01)
    """
    if isinstance(activation, str):
        class_of(activation)  # an unknown name is an error here, not in the middle of a network
        name = activation
        return lambda: create(name)
    if isinstance(activation, nn.Module):
        raise ActlasError(f"activation must be a name, a class or a factory, got the module "
                          f"{activation}, which every place would share; pass its class or "
                          f"`lambda: {type(activation).__name__}(...)`")  # fmt: skip
    if not callable(activation):
        raise ActlasError(f"activation must be a name, a class or a factory, got {activation!r}")
    return activation


def count_parameters(module: nn.Module) -> int:
    """Return the number of learnable numbers, each shared one once.

    >>> count_parameters(nn.Linear(3, 4))
    16
    """
    return sum(p.numel() for p in module.parameters())


def checked_depth(depth: int, step: int, rest: int, name: str, least: int = 1) -> int:
    """Return n where depth = step n + rest and n >= least; else an error that names depths.

    >>> checked_depth(28, 6, 4, "WideResNet")
    4
    """
    n, over = divmod(depth - rest, step) if isinstance(depth, int) else (0, 1)
    if over or n < least:
        near = [step * max(least, k) + rest for k in (n, n + 1)]
        raise ActlasError(f"{name}: depth must be {step}n+{rest} with n >= {least}, got "
                          f"{depth!r}; near it are {near[0]} and {near[1]}")  # fmt: skip
    return n


def need_images(x: torch.Tensor, channels: int, multiple: int, name: str, least: int = 1) -> None:
    """Raise ActlasError unless x is (N, channels, H, W), sides >= least and multiples of a size."""
    sides = x.shape[2:]
    fits = x.ndim == 4 and x.shape[1] == channels
    least = max(multiple, least)
    if not fits or any(side < least or side % multiple for side in sides):
        lower = f", {least} at the least" if least > multiple else ""
        raise ActlasError(f"{name}: images must be (N, {channels}, H, W) with sides that are "
                          f"multiples of {multiple}{lower}, got {tuple(x.shape)}")  # fmt: skip


def _check(entry: Network) -> None:
    where = f"network {entry.id!r} ({entry.build.__module__})"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.id):
        raise ActlasError(f"{where}: an id is written in lower_snake_case")
    if not entry.description.endswith("."):
        raise ActlasError(f"{where}: the first line of the docstring must be one sentence")
    if "activation" not in entry.options:
        raise ActlasError(f"{where}: the builder must take an argument `activation`")


def default_input(entry: Network, batch: int = 2) -> Any:
    """Return zeros of the shape that a network takes; tokens are integers."""
    kind = torch.long if entry.takes == "tokens" else torch.float32
    return torch.zeros(batch, *entry.input, dtype=kind)
