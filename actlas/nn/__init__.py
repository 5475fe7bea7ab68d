"""Floor 6: modules. `actlas.nn.Mish()`, `actlas.nn.create("mish")`, and the structured units.

One class per catalogue entry, made on first use and named like PyTorch's own where PyTorch has
it; the structured units (Maxout, FReLU, Meta-ACON, logic units) are classes of their own in
`structured/`.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from actlas.catalogue import find, load
from actlas.errors import ActlasError
from actlas.nn._module import ElementwiseModule, module_class
from actlas.nn.structured import find_unit, units

_classes: dict[str, type[ElementwiseModule]] = {}


def class_of(name: str) -> type[nn.Module]:
    """Return the module class of a function or structured unit, by any of its names."""
    unit = find_unit(name)
    if unit is not None:
        return unit.cls
    entry = find(name)
    made = _classes.get(entry.name)
    if made is None or made.entry is not entry:
        _classes[entry.name] = module_class(entry)
    return _classes[entry.name]


def create(name: str, *args: Any, **options: Any) -> nn.Module:
    """Return a new module of the function or unit called `name`.

    Args:
        name: id, alias or title, in any case: "mish", "Leaky-ReLU", "tanhexp".
        options: the arguments of the class, for example `negative_slope=0.2`.

    Raises:
        ActlasError: for an unknown name or argument (the nearest valid one is named), or a value
            outside its domain.

    >>> create("leaky_relu", negative_slope=0.2)
    LeakyReLU(negative_slope=0.2)
    """
    return class_of(name)(*args, **options)


def __getattr__(name: str) -> type[nn.Module]:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        found = class_of(name)
    except ActlasError as error:
        raise AttributeError(f"actlas.nn: {error}") from None
    if found.__name__ != name:
        raise AttributeError(f"actlas.nn has no class {name!r}; it is called {found.__name__!r}")
    return found


def __dir__() -> list[str]:
    titles = [entry.title for entry in load().values()]
    return sorted([*titles, *(unit.cls.__name__ for unit in units().values()), "create"])
