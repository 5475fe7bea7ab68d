"""Parameters of activation functions in a group of their own, without weight decay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from actlas.errors import ActlasError
from actlas.nn._module import ElementwiseModule
from actlas.nn.structured import units


def param_groups(
    model: nn.Module, weight_decay: float, functions: Iterable[nn.Module] = ()
) -> list[dict[str, Any]]:
    """Return two groups for an optimiser: learned shapes of functions, and everything else.

    Weight decay would pull a learned slope to 0 and so the function to another one; He et al.
    (2015, arXiv 1502.01852, section 2.1) train PReLU without it.

    Args:
        model: any model, replaced or not.
        weight_decay: of everything else, 0 or more; the shapes get 0.
        functions: modules that are functions too, besides those of actlas and nn.PReLU.

    Raises:
        ActlasError: for a negative weight decay.

    >>> import actlas
    >>> model = nn.Sequential(nn.Linear(3, 3), actlas.nn.PReLU())
    >>> [(len(g["params"]), g["weight_decay"]) for g in param_groups(model, 0.01)]
    [(2, 0.01), (1, 0.0)]
    """
    if isinstance(weight_decay, bool) or not weight_decay >= 0:
        raise ActlasError(f"weight_decay must be 0 or more, got {weight_decay!r}")
    shapes = {id(parameter): parameter for parameter in _shapes(model, functions)}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in shapes]
    return [
        {"params": rest, "weight_decay": weight_decay},
        {"params": list(shapes.values()), "weight_decay": 0.0},
    ]


def _shapes(model: nn.Module, functions: Iterable[nn.Module]) -> Iterator[nn.Parameter]:
    """Yield what functions learn; the matrices and kernels of units are weights like others."""
    more = {id(module) for module in functions}
    units_of_actlas = tuple(unit.cls for unit in units().values())
    for module in model.modules():
        if isinstance(module, (ElementwiseModule, nn.PReLU)):
            yield from module.parameters(recurse=False)
        elif id(module) in more or isinstance(module, units_of_actlas):
            yield from (p for p in module.parameters(recurse=False) if p.squeeze().ndim < 2)
