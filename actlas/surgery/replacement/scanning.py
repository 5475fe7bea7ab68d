"""Where the methods of a class call functions of PyTorch, and where they call its members."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from actlas.catalogue import Definition
from actlas.surgery.replacement.bytecode import Call, Reading, Value, read
from actlas.surgery.replacement.functions import callee, class_entry, form_of
from actlas.surgery.replacement.methods import is_foreign, may_call, methods_of, names_in
from actlas.surgery.replacement.purity import of_function, scope_of

_DEPTH = 4  # how far calls of the model's own functions are followed
_AT_ONCE = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")

_PAUSES = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_LATER = "it stands in a function inside the method, which may run after the method has ended"
_PASSED = "it is passed on there, and what calls it is not known"
_DEFAULT = "it is the default of an argument, and what calls it is not known"
_OWN = "{} is a Python function and not PyTorch's; make it a module or a member of the model"
_BUILT = "{} is built anew whenever the method runs"


@dataclass(frozen=True)
class CallSite:
    """A place in a method where a function of PyTorch is called, or `problem` says why it is none.

    `before` is the member of the module whose result the function gets, `after` the one called
    last, "" if there is no such;
    `direct` says that it stands in the method itself, not in a function that the method calls.
    """

    method: str
    function: Any
    entry: Definition
    code: CodeType
    line: int
    call: Call | None = None
    before: str = ""
    after: str = ""
    problem: str = ""
    direct: bool = True

    @property
    def where(self) -> str:
        """The method, file and line."""
        return f"{self.method}, {Path(self.code.co_filename).name}:{self.line}"

    @property
    def bare(self) -> bool:
        """Whether the input is its only argument, so that its parameters are the defaults."""
        if self.call is None or self.call.arguments is None:
            return False
        return len(self.call.arguments) == 1 or set(self.call.keywords) == {"inplace"}


@dataclass(frozen=True)
class MemberUse:
    """A call of a member of `self`; `before` is the member whose result it gets, or ""."""

    name: str
    method: str
    line: int
    before: str
    plain: bool


def sites_of(cls: type) -> tuple[CallSite, ...]:
    """Return the calls of known functions in the methods of a class, in a fixed order."""
    return _sites_of(cls, getattr(cls, "forward", None))


@cache
def _sites_of(cls: type, forward: Any) -> tuple[CallSite, ...]:
    found = methods_of(cls, forward)
    readers = [_reader(cls, *method) for method in found if may_call(method[1])]
    return tuple(site for reader in readers for site in reader.sites)


def uses_of(cls: type, member: str) -> tuple[MemberUse, ...]:
    """Return where the methods of a class call a member of self."""
    found = methods_of(cls, getattr(cls, "forward", None))
    readers = [_reader(cls, *m) for m in found if member in names_in(m[1].__code__)]
    return tuple(use for reader in readers for use in reader.members if use.name == member)


def codes_of(cls: type) -> frozenset[CodeType]:
    """Return the code of the methods of a class."""
    found = methods_of(cls, getattr(cls, "forward", None))
    return frozenset(function.__code__ for _, function in found)


@cache
def _reader(cls: type, name: str, function: FunctionType) -> _Reader:
    return _Reader(cls, name, function)


class _Reader:
    """Reads one method, the model's own functions that it calls, and its comprehensions."""

    def __init__(self, cls: type, method: str, function: FunctionType) -> None:
        self.cls, self.method = cls, method
        self.sites: list[CallSite] = []
        self.members: list[MemberUse] = []
        self.inner: set[CodeType] = set()
        self.after = ""
        self.quiet = is_foreign(function)  # what PyTorch's own classes call is their own
        self.code = code = function.__code__
        me = code.co_varnames[0] if code.co_argcount else None
        self._read(code, scope_of(function), me, _DEPTH, _LATER if code.co_flags & _PAUSES else "")
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._note(value, code, code.co_firstlineno, _DEFAULT)

    def _read(
        self, code: CodeType, names: Mapping[str, Any], me: str | None, depth: int, problem: str
    ) -> None:
        reading = read(code, names, me)
        for call in reading.calls:
            if call.callee.kind == "member":
                self.after = str(call.callee.what)
                self.members.append(_use(reading, call, self.method))
            self._call(reading, call, code, depth, problem)
        called = Counter(id(callee(call)) for call in reading.calls)
        for value, line in reading.mentioned:
            called[id(value)] -= 1
            if called[id(value)] < 0:
                self._note(value, code, line, _PASSED)
        for constant in (c for c in code.co_consts if isinstance(c, CodeType)):
            at_once = constant.co_name in _AT_ONCE
            self._read(constant, names, me, depth, problem if at_once else _LATER)

    def _note(self, function: Any, code: CodeType, line: int, problem: str) -> None:
        form = form_of(function)
        if form is not None and not self.quiet:
            site = CallSite(self.method, function, form.entry, code, line, problem=problem)
            self.sites.append(site)

    def _call(self, reading: Reading, call: Call, code: CodeType, depth: int, problem: str) -> None:
        function = callee(call) or self._static(call)
        entry, why = _entry(function)
        if self.quiet or function is None:
            return
        if entry is not None:
            first = (call.arguments or (None,))[0]
            self.sites.append(
                CallSite(self.method, function, entry, code, call.line, call,
                         _member_of(reading, first), self.after, problem or why, code is self.code)
            )  # fmt: skip
        elif isinstance(function, FunctionType) and depth:
            self._follow(inspect.unwrap(function), depth - 1, problem)

    def _static(self, call: Call) -> FunctionType | None:
        """Return the static method that is called as a member of self."""
        if call.callee.kind != "member":
            return None
        found = inspect.getattr_static(self.cls, str(call.callee.what), None)
        return inspect.unwrap(found.__func__) if isinstance(found, staticmethod) else None

    def _follow(self, function: FunctionType, depth: int, problem: str) -> None:
        """Read a function of the model's own that runs as part of the method."""
        if function.__code__ not in self.inner and not is_foreign(function) and may_call(function):
            self.inner.add(function.__code__)
            self._read(function.__code__, scope_of(function), None, depth, problem)


def _entry(function: Any) -> tuple[Definition | None, str]:
    """Return the entry that a callable computes, and why a call of it cannot be replaced."""
    form = form_of(function)
    if form is not None:
        return form.entry, ""
    wrapped = getattr(function, "__wrapped__", None)
    if isinstance(wrapped, Definition):
        return wrapped, _OWN.format(f"actlas.functional.{wrapped.name}")
    if inspect.isclass(function) and issubclass(function, nn.Module):
        return class_entry(function), _BUILT.format(function.__name__)
    point = of_function(inspect.unwrap(function)) if isinstance(function, FunctionType) else None
    return (point[0], _OWN.format(function.__name__)) if point else (None, "")


def _use(reading: Reading, call: Call, method: str) -> MemberUse:
    given = (call.arguments or ())[1:]  # without self
    before = _member_of(reading, given[0] if given else None)
    return MemberUse(str(call.callee.what), method, call.line, before, len(given) == 1)


def _member_of(reading: Reading, value: Value | None) -> str:
    """Return the member of self whose result a value is, or ""."""
    if value is None or value.kind != "result":
        return ""
    callee = reading.calls[value.what].callee
    return str(callee.what) if callee.kind == "member" else ""
