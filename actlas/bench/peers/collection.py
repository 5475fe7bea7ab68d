"""The package torch-activation: its classes, found by name, made with the catalogue's defaults."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from actlas.api import Activation
from actlas.bench.peers._peer import Peer, missing
from actlas.bench.peers.native import made_from, meanings, names_of
from actlas.catalogue import fold
from actlas.errors import need_extra


@cache
def _classes() -> dict[str, type]:
    """Return its classes by the folded form of their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its own modules that it cannot import
        package = need_extra("torch_activation", "bench")
    found = {name: getattr(package, name, None) for name in package.get_all_activations()}
    return {fold(name): made for name, made in found.items() if isinstance(made, type)}


def _candidates(activation: Activation) -> Iterator[Any]:
    """Yield its modules under the function's names: with our parameters, then with its own."""
    known = dict.fromkeys(name for entry, _ in meanings(activation) for name in names_of(entry))
    for cls in (_classes()[name] for name in known if name in _classes()):
        taken = inspect.signature(cls).parameters
        options = {name: value for name, value in activation.values if name in taken}
        yield from filter(None, (made_from(cls, **options), made_from(cls)))


PEER = Peer("torch-activation", "the package torch-activation", _candidates,
            absent=lambda: missing("torch_activation", "plotly"), keeps_steps=True)  # fmt: skip
