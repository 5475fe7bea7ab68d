"""Names of functions and networks: what a text means, and what was meant by an unknown one."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from actlas.catalogue import find, load
from actlas.errors import ActlasError, nearest
from actlas.models import find_network, networks
from actlas.nn.structured import Unit, find_unit
from actlas.study.arms import called, parse_network
from actlas.study.networks.building import check_options
from actlas.study.networks.peers import is_peer


def is_function(name: str) -> bool:
    """Say whether `name` is a function of one number.

    >>> is_function("tanhexp"), is_function("maxout"), is_function("mlp")
    (True, False, False)
    """
    try:
        return len(find(name).inputs) == 1
    except ActlasError:
        return False


def is_ours(name: str) -> bool:
    """Say whether `name` is a network of `actlas models`.

    >>> is_ours("maxout_mlp"), is_ours("timm:resnet18")
    (True, False)
    """
    try:
        return bool(find_network(name))
    except ActlasError:
        return False


def network_text(text: str) -> str:
    """Return a network as its runs name it; ActlasError for an unknown name or option.

    >>> network_text("MLP(hidden = (32, ))")
    'mlp(hidden=(32,))'
    """
    name, options = parse_network(text)
    if is_peer(name):
        return called(name, options)
    check_options(name, options)
    return called(find_network(name).id, options)


def network_values(text: str) -> tuple[str, str]:
    """Return the name of a network and all of its options, so that equal networks compare equal.

    >>> network_values("mlp") == network_values("mlp(hidden=[300, 100])")
    True
    """
    name, options = parse_network(text)
    if is_peer(name):
        return name, repr(sorted(options.items()))
    entry = find_network(name)
    parameters = inspect.signature(entry.build).parameters
    values = {key: _frozen(options.get(key, one.default)) for key, one in parameters.items()}
    return entry.id, repr(values)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def unknown(name: str, *, alone: bool) -> ActlasError:
    """Return the error for a name that is no function of one number.

    Args:
        name: as it was given.
        alone: whether a network could stand in its place.
    """
    unit = find_unit(name)
    if unit is not None:
        return ActlasError(
            f"{name} is a structured unit, not a function of one number; {_where(unit)}"
        )
    if alone and ":" in name and is_peer(name):
        return ActlasError(
            f"{name} has no functions of its own here; name one, as in relu in {name}"
        )
    known = [name for entry in load().values() for name in (entry.name, *entry.aliases)]
    if not alone:
        return ActlasError(f"there is no activation called {name!r}.{nearest(name, known)}")
    known += [name for entry in networks().values() for name in entry.names]
    return ActlasError(
        f"there is no activation and no network called {name!r}.{nearest(name, known)}"
    )


def _where(unit: Unit) -> str:
    """Return where a unit can be had: every network is built once to see which it is made of."""
    with torch.random.fork_rng(devices=[]):
        found = [
            entry.id
            for entry in networks().values()
            if any(isinstance(module, unit.cls) for module in entry.build().modules())
        ]
    if not found:
        return "`actlas models` lists the networks that can be named in its place"
    return f"name a network that is made of it: {', '.join(found)}"
