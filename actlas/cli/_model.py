"""A model named on the command line as `module:factory`."""

from __future__ import annotations

from typing import Any

from torch import nn

from actlas.errors import ActlasError, import_here, nearest


def load_model(text: str) -> nn.Module:
    """Return the model that `module:factory` names; the module is looked for here, too.

    Args:
        text: a module to import and what in it gives a model: a function or class without
            arguments, or the model itself.

    Raises:
        ActlasError: if there is no such module or name, or it gives no model.
    """
    module_name, colon, attribute = text.partition(":")
    if not (module_name and colon and attribute):
        raise ActlasError(f"name the model as module:factory, as in my_net:build; got {text!r}")
    found = _attribute(import_here(module_name), attribute)
    model = found if isinstance(found, nn.Module) else _called(found, text)
    if not isinstance(model, nn.Module):
        raise ActlasError(f"{text} gave {type(model).__name__} and no torch.nn.Module")
    return model


def _attribute(module: Any, name: str) -> Any:
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if callable(value)]
        raise ActlasError(f"{module.__name__} has no {name!r}.{nearest(name, own)}")
    return getattr(module, name)


def _called(factory: Any, text: str) -> Any:
    if not callable(factory):
        raise ActlasError(f"{text} is {type(factory).__name__} and makes no model")
    try:
        return factory()
    except TypeError as error:
        raise ActlasError(f"{text} cannot be called without arguments: {error}") from error
