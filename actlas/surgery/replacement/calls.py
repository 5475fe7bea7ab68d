"""How a call of F.relu in a method is replaced: by a mode that is on while that method runs.

The module's class becomes a subclass whose methods turn the mode on around the original ones.
PyTorch then shows the mode every function it is asked for; the mode looks at the interpreter's
position in the calling method and, at a chosen place of this very module, calls the new function
instead. Nothing outside the method, of another module or in another thread is touched.

Under torch.compile there is no such position. There the order of the calls tells them apart,
where it can be known beforehand (`traceable`); other methods are left uncompiled.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import CodeType, FrameType
from typing import Any, ClassVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from actlas.errors import ActlasError
from actlas.surgery.replacement.functions import form_of
from actlas.surgery.replacement.methods import REPLACED, runs_children
from actlas.surgery.replacement.scanning import CallSite, codes_of, sites_of

_FARTHEST = 40  # frames between a function of PyTorch and the method that called it, at the most
_BETWEEN = nn.Module._call_impl.__code__
Order = dict[Any, tuple[str | None, ...]]


class CallSites(nn.Module):
    """The new functions for calls in the methods of one module; they are its children.

    Args:
        cls: the class whose methods call the functions.
        picks: the number of each site in `sites_of(cls)`, and the name of its function here.
        orders: for each method that can be compiled, the names in the order of the calls.
    """

    NAME: ClassVar[str] = "actlas_calls"

    def __init__(self, cls: type, picks: Mapping[int, str], orders: Mapping[str, Order]) -> None:
        super().__init__()
        self.cls, self.picks = cls, dict(picks)
        self.known_as = {i: _label(sites_of(cls)[i]) for i in picks}
        self.orders: dict[str, Order] = {name: dict(found) for name, found in orders.items()}
        self._locate()

    def _locate(self) -> None:
        sites = sites_of(self.cls)
        for index, label in self.known_as.items():
            if index >= len(sites) or _label(sites[index]) != label:
                raise ActlasError(f"the code of {self.cls.__name__} is not what it was when its "
                                  f"functions were replaced; replace them anew")  # fmt: skip
        chosen = {name: sites[index] for index, name in self.picks.items()}
        self.table = {(site.code, offset): name for name, site in chosen.items()
                      for offset in _offsets(site)}  # fmt: skip
        self.places = {_place(code, offset): name for (code, offset), name in self.table.items()}
        self.known = {site.code for site in sites}
        self.files = {code.co_filename for code, _ in self.table}
        self.functions = {site.function for site in chosen.values()}
        forms = {function: form_of(function) for function in self.functions}
        self.inplace = {f: (form.always, form.place) for f, form in forms.items() if form}

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("table", "places", "known", "files", "functions", "inplace", "orders")
        # Code cannot be pickled, and is found again in the class.
        state = {key: value for key, value in self.__dict__.items() if key not in dropped}
        sites = sites_of(self.cls)
        numbers = {id(site.function): index for index, site in enumerate(sites)}
        return {**state, "_orders": [
            (method, numbers[id(function)], order)
            for method, found in self.orders.items() for function, order in found.items()
        ]}  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        stored = state.pop("_orders")
        super().__setstate__(state)
        self._locate()
        self.orders = {method: {} for method, *_ in stored}
        for method, index, order in stored:
            self.orders[method][sites_of(self.cls)[index].function] = order

    def find(self, owner: nn.Module, frame: FrameType | None) -> str | None:
        """Return the function for the call that runs in `frame` or above, None for none."""
        for _ in range(_FARTHEST):
            if frame is None or frame.f_code is _BETWEEN:
                return None
            name = self._name_at(frame)
            if name is not None:
                return name if self._belongs(owner, frame) else None
            frame = frame.f_back
        return None

    def _name_at(self, frame: FrameType) -> str | None:
        """Look up where a frame stands; code that Dynamo rewrote is known by lines and columns."""
        code = frame.f_code
        if code in self.known or code.co_filename not in self.files:
            return self.table.get((code, frame.f_lasti))
        return self.places.get(_place(code, frame.f_lasti))

    def _belongs(self, owner: nn.Module, frame: FrameType | None) -> bool:
        """Say whether the method on whose behalf `frame` runs is one of `owner`, not of a twin."""
        codes = codes_of(self.cls)
        while frame is not None and frame.f_code is not _BETWEEN:
            if frame.f_code in codes:
                return frame.f_locals.get(frame.f_code.co_varnames[0]) is owner
            if (frame.f_code.co_filename, frame.f_code.co_qualname) == _RUN:  # maybe rewritten
                return frame.f_locals.get("self") is owner
            frame = frame.f_back
        return False

    def apply_at(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call the function `name` instead of PyTorch's, in place where that one would be."""
        module = getattr(self, name)
        x = args[0] if args else kwargs["input"]
        always, place = self.inplace[function]
        if always or kwargs.get("inplace", 0 <= place < len(args) and args[place]):
            return x.copy_(module(x.clone()))
        out = kwargs.get("out")
        return module(x) if out is None else out.copy_(module(x))


def _place(code: CodeType, offset: int) -> tuple[Any, ...]:
    """Return file, lines and columns of an instruction."""
    return code.co_filename, *_positions(code)[offset // 2]


@lru_cache(maxsize=512)
def _positions(code: CodeType) -> tuple[tuple[int | None, ...], ...]:
    return tuple(code.co_positions())


def _label(site: CallSite) -> tuple[str, str]:
    return site.method, site.entry.name


def _offsets(site: CallSite) -> Iterable[int]:
    return site.call.offsets if site.call else ()


class _Intercept(TorchFunctionMode):
    """Shows every function of PyTorch that a method calls to the CallSites of its module."""

    def __init__(self, owner: nn.Module, calls: CallSites, method: str) -> None:
        super().__init__()
        self.owner, self.calls = owner, calls
        self.order: Order = calls.orders.get(method, {})
        self.counts: dict[Any, int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in self.calls.functions:
            name = self._name(func)
            if name is not None:
                return self.calls.apply_at(name, func, args, kwargs)
        return func(*args, **kwargs)

    def _name(self, function: Any) -> str | None:
        if not torch.compiler.is_dynamo_compiling():
            return self.calls.find(self.owner, sys._getframe(1))
        if function not in self.order:
            return None
        names = self.order[function]
        count = self.counts.get(function, 0)
        self.counts[function] = count + 1
        return names[0 if len(names) == 1 else count]


def _wrapper(cls: type, method: str, attribute: str, traceable: bool) -> Callable[..., Any]:
    original = getattr(cls, method)

    @functools.wraps(original)
    def run(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with _Intercept(self, getattr(self, attribute), method):
            return original(self, *args, **kwargs)

    return run if traceable else torch.compiler.disable(run)


_RUN = (__file__, "_wrapper.<locals>.run")


@cache
def replaced_class(cls: type, attribute: str, methods: tuple[tuple[str, bool], ...]) -> type:
    """Return the subclass of `cls` whose `methods` turn to the CallSites called `attribute`.

    It has the name of `cls`, and its objects can be copied and pickled.
    """
    body = {
        "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__,
        "__reduce_ex__": _reduce, REPLACED: (attribute, methods),
        **{name: _wrapper(cls, name, attribute, traceable) for name, traceable in methods},
    }  # fmt: skip
    return types.new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body))


def _reduce(self: nn.Module, protocol: Any) -> Any:
    layers = [vars(cls)[REPLACED] for cls in type(self).__mro__ if REPLACED in vars(cls)]
    rest = tuple(object.__reduce_ex__(self, protocol))[2:]
    return _rebuild, (original_class(self), tuple(reversed(layers))), *rest


def _rebuild(cls: type, layers: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]) -> Any:
    for attribute, methods in layers:
        cls = replaced_class(cls, attribute, methods)
    return object.__new__(cls)


def call_sites(owner: nn.Module) -> Iterator[CallSites]:
    """Yield what stands in for calls in the methods of `owner`."""
    for value in (*owner._modules.values(), *vars(owner).values()):
        if isinstance(value, CallSites):
            yield value


def intercepted(owner: nn.Module) -> set[tuple[CodeType, int]]:
    """Return code and first position of the calls of `owner` that are replaced already."""
    return {
        (site.code, site.call.offsets.start)
        for calls in call_sites(owner)
        for site in map(sites_of(calls.cls).__getitem__, calls.picks)
        if site.call
    }


def original_class(owner: nn.Module) -> type:
    """Return the class that `owner` had before any of its calls was replaced."""
    return next(cls for cls in type(owner).__mro__ if REPLACED not in vars(cls))


def registers(owner: nn.Module) -> bool:
    """Say whether `owner` can be given a child without running it: lists of modules cannot."""
    lists = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return not isinstance(owner, lists) and not runs_children(original_class(owner))


def free_name(owner: nn.Module) -> str:
    """Return a name under which new functions for calls can be added to `owner`."""
    name, count = CallSites.NAME, 1
    while name in owner._modules or name in vars(owner):
        count += 1
        name = f"{CallSites.NAME}_{count}"
    return name
