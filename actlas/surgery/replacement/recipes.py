"""What a user called a new function, as a recipe that makes a fresh module for a place."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.nn import class_of
from actlas.nn._module import ElementwiseModule
from actlas.surgery.replacement.functions import form_of
from actlas.surgery.replacement.sites import Site

_CHANNELS = ("channels", "num_channels", "num_features", "num_parameters")


@dataclass(frozen=True)
class Recipe:
    """How a new function is made; `entry` and `given` are set for functions of the catalogue.

    `build` takes the site and the options of a function of the catalogue.
    """

    label: str
    build: Callable[[Site, Mapping[str, Any]], nn.Module]
    entry: Definition | None = None
    given: Mapping[str, Any] | None = None


def recipe(new: Any) -> Recipe:
    """Return how to make `new`.

    Args:
        new: a name of the catalogue or of a structured unit, an `actlas.Activation`, a module
            class, a module to copy, a function of PyTorch, or a factory `site -> module`.

    Raises:
        ActlasError: for anything else, an unknown name, or a function of two inputs.
    """
    if isinstance(new, str):
        return _of_class(class_of(new), new)
    definition = getattr(new, "definition", None)
    if isinstance(definition, Definition):
        if getattr(new, "order", 0):
            raise ActlasError(f"{new.name}: a derivative is no module; give the function itself")
        return _of_entry(definition, dict(new.values))
    if inspect.isclass(new) and issubclass(new, nn.Module):
        return _of_class(new, new.__name__)
    if isinstance(new, nn.Module):
        return Recipe(type(new).__name__, lambda site, _: copy.deepcopy(new))
    form = form_of(new)
    if form is not None:
        return _of_entry(form.entry, {})
    if callable(new):
        return Recipe(getattr(new, "__name__", "a factory"), lambda site, _: _made(new, site))
    raise ActlasError(f"cannot put {new!r} into a model: give a name of the catalogue, "
                      f"actlas.get(name, ...), a module class or a factory of a site")  # fmt: skip


def _of_entry(entry: Definition, given: Mapping[str, Any]) -> Recipe:
    if len(entry.inputs) != 1:
        inputs = " and ".join(entry.inputs)
        raise ActlasError(f"{entry.name} is a function of {inputs}; a model's function has one "
                          f"input")  # fmt: skip
    cls = class_of(entry.name)
    return Recipe(entry.name, lambda site, options: cls(**options), entry, dict(given))


def _of_class(cls: type[nn.Module], label: str) -> Recipe:
    if issubclass(cls, ElementwiseModule):
        return _of_entry(cls.entry, {})
    names = _required(cls)
    missing = [name for name in names if name not in _CHANNELS]
    if missing:
        raise ActlasError(
            f"{cls.__name__} needs {' and '.join(missing)}; give a factory: "
            f"lambda site: {cls.__name__}({', '.join(f'{name}=...' for name in missing)})"
        )
    return Recipe(label, lambda site, _: _sized(cls, names, site))


def _required(cls: type[nn.Module]) -> list[str]:
    parameters = list(inspect.signature(cls).parameters.values())
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def _sized(cls: type[nn.Module], names: list[str], site: Site) -> nn.Module:
    if names and site.channels is None:
        raise ActlasError(f"{cls.__name__} needs the number of channels, and {_unknown(site)}")
    sizes = dict.fromkeys(names, site.channels)
    if site.inplace and "inplace" in inspect.signature(cls).parameters:
        try:
            return cls(**sizes, inplace=True)
        except ActlasError:  # it cannot work in place; the note says that it does not
            pass
    return cls(**sizes)


def _unknown(site: Site) -> str:
    if site.uses > 1:
        return f"{site.path} is called at {site.uses} places that may differ in it"
    return f"what layer feeds {site.path} cannot be read from the code"


def _made(factory: Callable[[Site], Any], site: Site) -> nn.Module:
    module = factory(site)
    if not isinstance(module, nn.Module):
        raise ActlasError(f"the factory gave {module!r} for {site.path}, which is no module")
    return module


def finished(module: nn.Module, site: Site, like: torch.Tensor | None) -> nn.Module:
    """Return the new module in the mode, on the device and in the dtype of its surroundings."""
    module.train(site.owner.training)
    if like is not None and any(True for _ in module.parameters()):
        module.to(device=like.device, dtype=like.dtype)
        frozen = [p.requires_grad for p in _around(site)]
        if frozen and not any(frozen):
            module.requires_grad_(False)
    return module


def _around(site: Site) -> list[nn.Parameter]:
    """Return the parameters nearest to a site: of the layer before it, else of its owner."""
    return list((site.before or site.owner).parameters()) or list(site.owner.parameters())


def neighbour(site: Site, model: nn.Module) -> torch.Tensor | None:
    """Return a floating-point parameter near a site, for its device and dtype."""
    for parameter in (*_around(site), *model.parameters()):
        if parameter.is_floating_point():
            return parameter
    return None


def check_shape(module: nn.Module, site: Site) -> None:
    """Raise ActlasError unless a module gives tensors of the shape it gets.

    It is tried on a copy, in all ranks a layer may give; functions of the catalogue need no trial.
    """
    if isinstance(module, ElementwiseModule) or any(p.is_meta for p in module.parameters()):
        return
    twin = copy.deepcopy(module).eval().to(device="cpu", dtype=torch.float32)
    problems = [_problem(twin, shape) for shape in _shapes(site)]
    if all(problems):
        raise ActlasError(f"{type(module).__name__} does not fit: {problems[0]}")


def _shapes(site: Site) -> list[tuple[int, ...]]:
    """Return shapes of an input behind the layer before the site, of any rank where unknown."""
    channels, layer = site.channels or 4, type(site.before).__name__
    ranked = {"1d": (5,), "2d": (5, 5), "3d": (5, 5, 5)}
    if layer[-2:] in ranked:
        return [(2, channels, *ranked[layer[-2:]])]
    flat = [(2, channels), (2, 3, channels)]
    return flat if site.before is not None else [*flat, (2, channels, 5), (2, channels, 5, 5)]


def _problem(module: nn.Module, shape: tuple[int, ...]) -> str:
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            y = module(torch.zeros(shape))
    except Exception as error:  # whatever a user's module raises, it does not take this shape
        return str(error)
    if not isinstance(y, torch.Tensor) or tuple(y.shape) != shape:
        gives = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        return f"it gives {gives} for {shape}, and the layer behind it expects the same shape"
    return ""
