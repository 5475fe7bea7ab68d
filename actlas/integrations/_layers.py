"""Constructors for arguments such as `activation_layer=`, `act_layer=` and `act_cls=`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.nn import class_of
from actlas.nn._module import ElementwiseModule


def activation_layer(name: str, **options: Any) -> Callable[..., nn.Module]:
    """Return what builds the function `name`, for any argument that expects an activation class.

    Without options it is the class itself; with them, the class with these set, which a caller
    may still override. Every call builds a module of its own, with its own parameters.

    Args:
        name: id, alias or title: "telu", "leaky_relu", "TanhExp".
        options: arguments of the class, for example `negative_slope=0.2` or `learnable=False`.

    Raises:
        ActlasError: for an unknown name or option, or a value outside its domain.

    >>> make = activation_layer("leaky_relu", negative_slope=0.2)
    >>> nn.Sequential(nn.Linear(4, 4), make(inplace=True))[1]
    LeakyReLU(negative_slope=0.2, inplace=True)
    """
    cls = class_of(name)
    if not options:
        return cls
    make = functools.partial(cls, **options)
    if issubclass(cls, ElementwiseModule):
        make()  # what is wrong is said here, not inside somebody's model
        return make
    known = inspect.signature(cls).parameters  # a structured unit may lack sizes yet
    for option in options:
        if option not in known:
            raise ActlasError(f"{cls.__name__} has no argument {option!r}.{nearest(option, known)}")
    return make
