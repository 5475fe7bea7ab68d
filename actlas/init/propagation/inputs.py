"""The example call of a model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from actlas.errors import ActlasError


@dataclass(frozen=True)
class Inputs:
    """The arguments of a call of the model."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, example: Any) -> Inputs:
        """Return the call that an example stands for: a tensor, a tuple, or a mapping by name."""
        if isinstance(example, Tensor):
            return cls((example,))
        if isinstance(example, Mapping):
            return cls((), dict(example))
        if isinstance(example, (tuple, list)):
            return cls(tuple(example))
        raise ActlasError("example_input must be a tensor, a tuple of arguments or a mapping of "
                          f"keyword arguments, got {type(example).__name__}")  # fmt: skip


def arguments_of(model: nn.Module, inputs: Inputs | None) -> dict[str, Any]:
    """Return the example's arguments by name; of others the defaults, which count as constant."""
    signature = inspect.signature(model.forward)
    try:
        bound = signature.bind_partial() if inputs is None else (
            signature.bind(*inputs.args, **inputs.kwargs)
        )  # fmt: skip
    except TypeError as error:
        raise ActlasError(f"example_input does not fit {type(model).__name__}{signature}: "
                          f"{error}") from None  # fmt: skip
    bound.apply_defaults()
    packed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: value for name, value in bound.arguments.items()
            if signature.parameters[name].kind not in packed}  # fmt: skip
