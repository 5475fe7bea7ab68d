"""The places in a model where a function of the catalogue is called, in the order of its layers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from actlas.catalogue import Definition
from actlas.surgery.replacement.calls import free_name, intercepted
from actlas.surgery.replacement.functions import classes, form_of
from actlas.surgery.replacement.layers import Layers, Order, width
from actlas.surgery.replacement.methods import copies_itself
from actlas.surgery.replacement.purity import of_function
from actlas.surgery.replacement.recognition import Known
from actlas.surgery.replacement.scanning import CallSite, sites_of, uses_of


@dataclass(frozen=True, eq=False)
class Site:
    """One place where a function is called.

    `kind` is "module" (a child of `owner`), "attribute" (a callable that `owner` holds) or "call"
    (a function of PyTorch in a method of `owner`); `path` is where the new module will stand.
    `parameters` is None where they are not known, `before` is the layer whose output the function
    gets, `problem` says why the place cannot be changed.
    """

    path: str
    kind: str
    owner: nn.Module
    name: str
    old: Any
    entry: Definition | None = None
    parameters: Mapping[str, Any] | None = None
    before: nn.Module | None = None
    where: str = ""
    uses: int = 1
    inplace: bool = False
    problem: str = ""
    call: CallSite | None = None
    order: Order = field(default=(0, False, 0))

    @property
    def function(self) -> str:
        """The id in the catalogue, or the name of the class where it is not known."""
        return self.entry.name if self.entry else type(self.old).__name__

    @property
    def of_class(self) -> bool:
        """Whether the class of the owner has this name too, which would hide a child."""
        held = self.name in vars(self.owner) and not hasattr(type(self.owner), self.name)
        return self.kind == "attribute" and not held

    @property
    def channels(self) -> int | None:
        """How many channels the function gets, where one layer stands before it."""
        return width(self.before) if self.before is not None else None


def collect(model: nn.Module) -> tuple[Site, ...]:
    """Return every place in `model` where a known function, or any other module, is called."""
    tree = Layers(model)
    found = [site for path, owner in tree.owners() for site in _of_owner(tree, path, owner)]
    known = tree.known(model)
    if known:
        found.append(Site("", "module", model, "", model, known.entry, problem=_ROOT))
    if any(_quantised(module) for module in model.modules()):
        found = [replace(site, problem=_QUANTISED) for site in found]
    return tuple(sorted(found, key=lambda site: site.order))


_ROOT = "the model itself is the function; nothing holds it that could be changed"
_QUANTISED = "the model is quantised and its tensors are integers; replace before quantising"
_SCRIPTED = "it is compiled to TorchScript; replace before scripting"
_KERNEL = "it runs inside PyTorch's kernel of {}"
_LISTED = "it stands in a {}; hold it as an attribute of its own, or as a module"
_FURTHER = "it is called with further arguments"
_PATCHED = "{} was replaced on the object itself, by a hook or by hand"
_COPIES = "its copies are built by code of their own and would lose it; replace before tracing"
_OF_TORCH_AO = "it belongs to a module of torch.ao that is fused or prepared for quantisation"


def _quantised(module: nn.Module) -> bool:
    place = type(module).__module__
    return place.startswith("torch.ao.") and ".quantized" in place and ".dynamic" not in place


def _of_owner(tree: Layers, path: str, owner: nn.Module) -> Iterator[Site]:
    if isinstance(owner, torch.jit.ScriptModule):
        yield from _scripted(path, owner)
        return
    problem = _OF_TORCH_AO if type(owner).__module__.startswith("torch.ao.nn") else ""
    makers = (_modules, _attributes, _calls, _kernels)
    for maker in makers:
        for site in maker(tree, path, owner):
            yield replace(site, problem=problem) if problem else site


def _modules(tree: Layers, path: str, owner: nn.Module) -> Iterator[Site]:
    for name, child in owner._modules.items():
        if child is None:
            continue
        known = tree.known(child)
        if known is None and type(child).__module__.startswith("torch."):
            yield Site(join(path, name), "module", owner, name, child)  # a layer
            continue
        uses = tree.uses(owner, name)
        yield Site(
            join(path, name), "module", owner, name, child,
            known and known.entry, known and known.parameters, tree.before(owner, name),
            _lines(owner, name), len(uses) or 1,
            bool(getattr(child, "inplace", False)), order=tree.order(path, owner, name),
        )  # fmt: skip


def _lines(owner: nn.Module, name: str) -> str:
    uses = uses_of(type(owner), name)
    return ", ".join(f"{use.method}:{use.line}" for use in uses)


_INTERNALS = frozenset(vars(nn.Module()))


def _attributes(tree: Layers, path: str, owner: nn.Module) -> Iterator[Site]:
    own = {name: value for name, value in vars(owner).items() if name not in _INTERNALS}
    for name, value in {**_of_class(type(owner)), **own}.items():
        known = known_callable(value)
        if known is not None:
            uses = tree.uses(owner, name)
            further = _FURTHER if not all(use.plain for use in uses) else ""
            yield Site(
                join(path, name), "attribute", owner, name, value, known.entry, known.parameters,
                tree.before(owner, name), _lines(owner, name), len(uses) or 1, known.inplace,
                further, order=tree.order(path, owner, name),
            )  # fmt: skip
        else:
            yield from _listed(tree, path, owner, name, value)


def _listed(tree: Layers, path: str, owner: nn.Module, name: str, value: Any) -> Iterator[Site]:
    """Yield functions in a list, tuple or dictionary: they are named, and left alone."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, (list, tuple)) else ()  # fmt: skip
    for key, item in inside:
        known = known_callable(item)
        if known is not None:
            yield Site(
                join(path, f"{name}.{key}"), "attribute", owner, name, item, known.entry,
                known.parameters, problem=_LISTED.format(type(value).__name__),
                order=tree.order(path, owner, name),
            )  # fmt: skip


def _of_class(cls: type) -> dict[str, Any]:
    """Return functions of PyTorch that are attributes of the class: act = staticmethod(F.relu)."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is not nn.Module and not base.__module__.startswith("torch."):
            for name, value in vars(base).items():
                plain = value.__func__ if isinstance(value, staticmethod) else value
                if form_of(plain) is not None:
                    found[name] = plain
    return found


def known_callable(value: Any) -> Known | None:
    """Return the entry, parameters and in-place flag of a callable, or None if it is unknown."""
    function, given = value, {}
    if isinstance(value, functools.partial) and not value.args:
        function, given = value.func, dict(value.keywords)
    form = form_of(function)
    if form is None:
        point = of_function(function) if inspect.isfunction(function) and not given else None
        return Known(point[0], dict(point[1]), False) if point else None
    inplace = bool(given.pop("inplace", False)) or form.always
    fits = set(given) <= set(form.entry.parameters)
    return Known(form.entry, form.entry.bind(given) if fits else None, inplace)


def _calls(tree: Layers, path: str, owner: nn.Module) -> Iterator[Site]:
    taken, numbers = intercepted(owner), dict[str, int]()
    for call in sites_of(type(owner)):
        if call.problem:
            yield _call_site(tree, path, owner, call, call.method)
            continue
        number = numbers[call.entry.name] = numbers.get(call.entry.name, 0) + 1
        if (call.code, call.call and call.call.offsets.start) not in taken:
            name = f"{free_name(owner)}.{call.entry.name}_{number}"
            yield _call_site(tree, path, owner, call, name)


def _call_site(tree: Layers, path: str, owner: nn.Module, call: CallSite, name: str) -> Site:
    patched = _PATCHED.format(call.method) if call.method in vars(owner) else ""
    patched = patched or (_COPIES if copies_itself(type(owner)) else "")
    known = call.bare or not call.entry.parameters
    return Site(
        join(path, name), "call", owner, name, call.function, call.entry,
        call.entry.bind({}) if known else None, tree.layer(owner, call.before), call.where,
        problem=call.problem or patched, call=call,
        order=tree.order_after(path, owner, call.after),
    )  # fmt: skip


# What these modules apply inside their kernels, where nothing can be put in its place.
_KERNELS: tuple[tuple[type[nn.Module], Callable[[Any], tuple[Any, ...]]], ...] = (
    (nn.LSTM, lambda _: (torch.sigmoid, torch.tanh)),
    (nn.LSTMCell, lambda _: (torch.sigmoid, torch.tanh)),
    (nn.GRU, lambda _: (torch.sigmoid, torch.tanh)),
    (nn.GRUCell, lambda _: (torch.sigmoid, torch.tanh)),
    (nn.RNN, lambda rnn: (getattr(torch, rnn.nonlinearity),)),
    (nn.RNNCell, lambda rnn: (getattr(torch, rnn.nonlinearity),)),
)


def _kernels(tree: Layers, path: str, owner: nn.Module) -> Iterator[Site]:
    for cls, functions in _KERNELS:
        if isinstance(owner, cls):
            for function in functions(owner):
                form = form_of(function)
                problem = _KERNEL.format(cls.__name__)
                yield Site(path, "call", owner, "", function, form and form.entry, problem=problem,
                           order=tree.order_after(path, owner, ""))  # fmt: skip


def _scripted(path: str, owner: Any) -> Iterator[Site]:
    names = {cls.__name__: entry for cls, entry in classes().items()}
    for name, child in owner.named_modules():
        entry = names.get(getattr(child, "original_name", ""))
        if entry is not None:
            yield Site(join(path, name), "module", owner, name, child, entry, problem=_SCRIPTED)


def join(path: str, name: str) -> str:
    """Return the path of a member: join("layer1", "relu") is "layer1.relu"."""
    return f"{path}.{name}" if path and name else path or name
