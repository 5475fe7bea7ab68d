"""Which modules of a model are watched, and along which dimension their channels lie."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Union

from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.nn._module import ElementwiseModule
from actlas.nn.structured import units

Wanted = Union[str, type, nn.Module, Callable[[str, nn.Module], bool]]

# Where other libraries keep their activation functions, one class each.
HOMES = (
    "torch.nn.modules.activation",
    "transformers.activations",
    "timm.layers.activations",
    "timm.layers.activations_me",
)
_CHANNELS_SECOND = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Site:
    """A module that is watched; `asked` says that the user named it."""

    name: str
    module: nn.Module
    channel_dim: int
    asked: bool

    @property
    def ours(self) -> bool:
        """Whether actlas made the module."""
        return isinstance(self.module, _ours())

    @property
    def function(self) -> str:
        """The name of the module's class."""
        return type(self.module).__name__


def find_sites(
    model: nn.Module, wanted: Wanted | Iterable[Wanted] | None, channel_dim: int | None
) -> tuple[Site, ...]:
    """Return the sites in the order of the model.

    Args:
        model: any module.
        wanted: names (with * and ? as wildcards), classes, modules or predicates (name, module);
            None for every activation module.
        channel_dim: the dimension of the channels, or None to go by the layer before a site.

    Raises:
        ActlasError: if there is none, or nothing answers to a name.
    """
    inside = getattr(model, "_orig_mod", model)  # what torch.compile has wrapped
    named = {name: module for name, module in inside.named_modules() if module is not inside}
    if wanted is None:
        chosen = {name for name, module in named.items() if is_activation(module)}
    else:
        chosen = {name for each in _listed(wanted) for name in _matching(each, named)}
    if not chosen:
        raise ActlasError(
            f"monitor: there is no activation module in {type(model).__name__}; functions that "
            "are called, like F.relu, are not modules: name the modules around them with sites="
        )
    return tuple(
        Site(_bare(name), module, _channels(module, before, channel_dim),
             wanted is not None)
        for name, module, before in _with_layer_before(named) if name in chosen
    )  # fmt: skip


def is_activation(module: nn.Module) -> bool:
    """Say whether a module is an activation function of actlas, PyTorch, transformers or timm."""
    if isinstance(module, _ours()):
        return True
    at_home = any(cls.__module__ in HOMES for cls in type(module).__mro__)
    return at_home and next(module.children(), None) is None


def _ours() -> tuple[type[nn.Module], ...]:
    return ElementwiseModule, *(unit.cls for unit in units().values())


def _listed(wanted: Any) -> list[Wanted]:
    single = isinstance(wanted, (str, type, nn.Module)) or callable(wanted)
    return [wanted] if single else list(wanted)


def _matching(wanted: Wanted, named: dict[str, nn.Module]) -> list[str]:
    """Return the names of the modules that one wish means; at least one."""
    test = _test(wanted)
    found = [name for name, module in named.items() if test(name, module)]
    if not found:
        hint = nearest(wanted, named) if isinstance(wanted, str) else ""
        shown = wanted.__name__ if isinstance(wanted, type) else repr(wanted)
        raise ActlasError(f"sites: no module of the model is meant by {shown}.{hint}")
    return found


def _test(wanted: Any) -> Callable[[str, nn.Module], bool]:
    if isinstance(wanted, str):
        return lambda name, _: fnmatch.fnmatchcase(_bare(name), wanted) or name == wanted
    if isinstance(wanted, nn.Module):
        return lambda _, module: module is wanted
    if isinstance(wanted, type) and issubclass(wanted, nn.Module):
        return lambda _, module: isinstance(module, wanted)
    if isinstance(wanted, type) or not callable(wanted):
        raise ActlasError(
            f"sites: expected names, module classes, modules or predicates, got {wanted!r}"
        )
    return wanted  # type: ignore[no-any-return]


def _bare(name: str) -> str:
    """Return the name without what torch.compile adds."""
    return name.replace("_orig_mod.", "")


def _with_layer_before(
    named: dict[str, nn.Module],
) -> Iterator[tuple[str, nn.Module, nn.Module | None]]:
    """Yield every module with the last layer of weights that stands before it."""
    before: nn.Module | None = None
    for name, module in named.items():
        yield name, module, before
        if isinstance(getattr(module, "weight", None), nn.Parameter) and not is_activation(module):
            before = module


def _channels(module: nn.Module, before: nn.Module | None, given: int | None) -> int:
    """Return the channel dimension: the module's own, else that of the layer before it."""
    if given is not None:
        return given
    if getattr(module, "num_parameters", 1) > 1:
        return int(getattr(module, "channel_dim", 1))
    return 1 if before is None or isinstance(before, _CHANNELS_SECOND) else -1
