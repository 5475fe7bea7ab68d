"""The layers of a model: their order, and which of them feeds a function."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from actlas.surgery.replacement.recognition import Known, known_module
from actlas.surgery.replacement.scanning import MemberUse, uses_of

_PASSING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_WIDTHS = ("out_channels", "out_features", "num_features", "nf")


def width(layer: nn.Module) -> int | None:
    """Return how many channels a layer gives, or None if it does not say."""
    for name in _WIDTHS:
        if isinstance(getattr(layer, name, None), int):
            return int(getattr(layer, name))
    shape = getattr(layer, "normalized_shape", None)
    return int(shape[-1]) if shape else None


Order = tuple[int, bool, int]


class Layers:
    """A model's modules in the order in which it registers them.

    A function held by name counts as standing behind the layer that feeds it, where that can be
    read from the code, and else where it is registered.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.places: dict[str, int] = {"": 0}
        self.ends: dict[str, int] = {}
        self._known: dict[int, Known | None] = {}
        self._owners: list[tuple[str, nn.Module]] = []
        self._walk("", model, set())

    def _walk(self, path: str, owner: nn.Module, seen: set[int]) -> None:
        if id(owner) not in seen and self.known(owner) is None:
            seen.add(id(owner))
            self._owners.append((path, owner))
            if not isinstance(owner, torch.jit.ScriptModule):
                for name, child in owner._modules.items():
                    inside = f"{path}.{name}" if path else name
                    self.places[inside] = len(self.places)
                    if child is not None:
                        self._walk(inside, child, seen)
        self.ends[path] = len(self.places) - 1

    def known(self, module: nn.Module) -> Known | None:
        """Return which function a module is; every module is asked once."""
        if id(module) not in self._known:
            self._known[id(module)] = known_module(module)
        return self._known[id(module)]

    def owners(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every module that may hold functions, once, with its first path."""
        yield from self._owners

    def uses(self, owner: nn.Module, name: str) -> tuple[MemberUse, ...]:
        """Return where the methods of `owner` call its member."""
        return uses_of(type(owner), name)

    def before(self, owner: nn.Module, name: str) -> nn.Module | None:
        """Return the layer that feeds the member `name`, None where that is not one and known."""
        return self.layer(owner, self._source(owner, name))

    def _source(self, owner: nn.Module, name: str) -> str:
        if _in_a_row(owner):
            names = list(owner._modules)
            place = names.index(name) if name in names else 0
            return names[place - 1] if place else ""
        sources = {use.before for use in self.uses(owner, name)}
        return sources.pop() if len(sources) == 1 else ""

    def layer(self, owner: nn.Module, name: str) -> nn.Module | None:
        """Return the member `name`, or what feeds it where it only passes its input on."""
        for _ in range(len(owner._modules) + 1):
            child = owner._modules.get(name)
            while child is not None and _in_a_row(child) and len(child._modules):
                child = list(child._modules.values())[-1]
            if not isinstance(child, _PASSING):
                return child
            name = self._source(owner, name)
        return None

    def order(self, path: str, owner: nn.Module, name: str) -> Order:
        """Return where the member `name` of the module at `path` stands among all layers."""
        source = self._source(owner, name)
        inside = f"{path}.{name}" if path else name
        if source in owner._modules or inside not in self.places:
            return self.order_after(path, owner, source)
        return self.places[inside], False, 0

    def order_after(self, path: str, owner: nn.Module, source: str) -> Order:
        """Return the place behind the member `source`, or at the head of the owner without one.

        Of what stands behind one and the same layer, the innermost comes first.
        """
        if source not in owner._modules:
            return self.places[path], True, 0
        depth = len(path.split(".")) if path else 0
        return self.ends.get(f"{path}.{source}" if path else source, 0), True, -depth


def _in_a_row(module: nn.Module) -> bool:
    """Whether a module applies its children one after the other."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
