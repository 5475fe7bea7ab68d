"""What a function calls, and with what: read from its bytecode, without running it.

A small machine goes through the instructions once with values it knows only by origin: a global
object, a member of `self`, the result of an earlier call. So `F.relu(self.conv1(x))` is seen as
a call of `torch.nn.functional.relu` on what `self.conv1` gave. Where two ways meet, what differs
is unknown; nothing is guessed.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, NamedTuple


class Value(NamedTuple):
    """Where a value comes from.

    `kind` is "self", "object" (what = the object), "member" (of self; what = its name),
    "attribute" (of anything else; what = its name), "result" (what = the number of the call),
    "constant", "null" or "unknown".
    """

    kind: str
    what: Any = None


UNKNOWN, NULL, SELF = Value("unknown"), Value("null"), Value("self")


@dataclass(frozen=True)
class Call:
    """One place where something is called.

    `arguments` holds the receiver of a method first; it is None where the call has *args or
    **kwargs. `offsets` are the positions of the interpreter while the call runs; `straight`
    says that every run of the code passes here exactly once unless it returns before.
    """

    callee: Value
    arguments: tuple[Value, ...] | None
    keywords: tuple[str, ...]
    offsets: range
    line: int
    straight: bool = True


@dataclass(frozen=True)
class Reading:
    """The calls of a code object in their order, and objects that are used in other ways."""

    calls: tuple[Call, ...]
    mentioned: tuple[tuple[Any, int], ...]


def read(code: CodeType, names: Mapping[str, Any], me: str | None) -> Reading:
    """Return what `code` calls.

    Args:
        code: the code object of a function, method or comprehension.
        names: its globals and closed-over names.
        me: the name of the first argument of a method, or None.
    """
    machine = _Machine(code, names, me)
    machine.run()
    calls = tuple(_marked(call, machine.jumps) for call in machine.calls)
    return Reading(calls, tuple(machine.mentioned))


_JUMPS = {*dis.hasjrel, *dis.hasjabs}


def _marked(call: Call, jumps: list[tuple[int, int]]) -> Call:
    """Say whether a jump passes over the call, or comes back from behind it."""
    at = call.offsets.start
    spanned = any(min(jump) < at < max(jump) or at == jump[1] < jump[0] for jump in jumps)
    return Call(call.callee, call.arguments, call.keywords, call.offsets, call.line, not spanned)


def _loops(found: list[dis.Instruction]) -> dict[int, set[Any]]:
    """Return for the head of each loop the names that the loop stores."""
    loops: dict[int, set[Any]] = {}
    for back in found:
        if back.opcode in _JUMPS and back.argval <= back.offset:
            inside = (i for i in found if back.argval <= i.offset <= back.offset)
            stored = {n for i in inside if i.opname.startswith("STORE_") for n in _pair(i.argval)}
            loops.setdefault(back.argval, set()).update(stored)
    return loops


State = tuple[list[Value], dict[str, Value]]

_INERT = frozenset((
    "NOP", "RESUME", "CACHE", "EXTENDED_ARG", "MAKE_CELL", "COPY_FREE_VARS", "RETURN_GENERATOR",
    "NOT_TAKEN", "SETUP_ANNOTATIONS", "DELETE_FAST", "DELETE_DEREF", "PRECALL",
))  # fmt: skip
_ENDS = ("RETURN_", "RERAISE", "RAISE_")
_TAKES_ONLY = ("POP_", "STORE_", "DELETE_", "JUMP", "FOR_ITER")


class _Machine:
    """The stack, the local names, and what was found; one step per instruction."""

    def __init__(self, code: CodeType, names: Mapping[str, Any], me: str | None) -> None:
        self.code, self.globals = code, names
        self.stack: list[Value] = []
        self.locals: dict[str, Value] = {me: SELF} if me else {}
        self.saved: dict[int, State] = {}
        self.dead = False
        self.calls: list[Call] = []
        self.mentioned: list[tuple[Any, int]] = []
        self.jumps: list[tuple[int, int]] = []
        self.keywords: tuple[str, ...] = ()
        self.start = self.line = 0

    def run(self) -> None:
        found = list(dis.get_instructions(self.code))
        ends = [*(i.offset for i in found[1:]), len(self.code.co_code)]
        loops = _loops(found)
        self.jumps = [(i.offset, i.argval) for i in found if i.opcode in _JUMPS]
        for instruction, end in zip(found, ends, strict=True):
            self._arrive(instruction.offset, loops.get(instruction.offset, set()))
            if instruction.positions and instruction.positions.lineno:
                self.line = instruction.positions.lineno
            if instruction.opname != "CALL" or not self.start:
                self.start = instruction.offset
            self._step(instruction, end)
            if instruction.opname != "PRECALL":  # 3.11 may do the whole call in this one
                self.start = 0

    def _arrive(self, offset: int, changed: set[Any]) -> None:
        """Join the ways that lead here; in a loop, what it stores is unknown at its head."""
        if offset in self.saved:
            stack, names = self.saved.pop(offset)
            if self.dead:
                self.stack, self.locals = list(stack), dict(names)
            else:
                self.stack = [_join(a, b) for a, b in zip(self.stack, stack, strict=False)]
                self.locals = {
                    name: _join(value, names.get(name, UNKNOWN))
                    for name, value in self.locals.items()
                }
            self.dead = False
        for name in changed:
            self.locals.pop(name, None)

    def _step(self, i: dis.Instruction, end: int) -> None:
        name = i.opname
        if name in _INERT:
            return
        if i.opcode in _JUMPS:
            self._jump(i)
        elif name.startswith(_ENDS):
            self.stack, self.dead = [], True
        elif name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX"):
            self._call(i, end)
        elif not self._plain(i):
            self._shift(i, jump=False)

    def _jump(self, i: dis.Instruction) -> None:
        before = list(self.stack)
        self._shift(i, jump=True)
        self.saved.setdefault(i.argval, (self.stack, dict(self.locals)))
        self.stack = before
        if i.opname.startswith("JUMP") and "IF" not in i.opname:
            self.stack, self.dead = [], True
        else:
            self._shift(i, jump=False)

    def _shift(self, i: dis.Instruction, jump: bool) -> None:
        """Move the stack as any instruction does; what it leaves on top is unknown."""
        argument = i.arg if i.opcode >= dis.HAVE_ARGUMENT else None
        effect = dis.stack_effect(i.opcode, argument, jump=jump)
        kept = list(self.stack[: len(self.stack) + effect] if effect < 0 else self.stack)
        kept += [UNKNOWN] * effect
        if kept and not i.opname.startswith(_TAKES_ONLY) and i.opcode not in _JUMPS:
            kept[-1] = UNKNOWN
        self.stack = kept

    def _plain(self, i: dis.Instruction) -> bool:
        """Do the instructions that move values without changing them; False for all others."""
        name = i.opname
        if name.startswith(("LOAD_FAST", "STORE_FAST")):
            for part, local in zip(_parts(name), _pair(i.argval), strict=False):
                self._local(part, local)
        elif name in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_GLOBAL", "LOAD_NAME"):
            self._name(i)
        elif name == "STORE_DEREF":
            self._local("STORE", i.argval)
        elif name in ("LOAD_ATTR", "LOAD_METHOD"):
            self._attribute(i)
        elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
            self.stack.append(Value("constant", i.argval))
        elif name in ("IMPORT_NAME", "IMPORT_FROM"):
            self._import(i)
        elif name == "KW_NAMES":
            self.keywords = self.code.co_consts[i.arg or 0]
        else:
            return self._shuffle(i)
        return True

    def _shuffle(self, i: dis.Instruction) -> bool:
        if i.opname == "PUSH_NULL":
            self.stack.append(NULL)
        elif i.opname == "POP_TOP":
            self._pop()
        elif i.opname == "COPY" and len(self.stack) >= (i.arg or 0):
            self.stack.append(self.stack[-(i.arg or 1)])
        elif i.opname == "SWAP" and len(self.stack) >= (i.arg or 0):
            place = -(i.arg or 1)
            self.stack[-1], self.stack[place] = self.stack[place], self.stack[-1]
        else:
            return False
        return True

    def _local(self, part: str, name: str) -> None:
        if part == "STORE":
            self.locals[name] = self._pop()
        else:
            self.stack.append(self.locals.get(name, UNKNOWN))

    def _name(self, i: dis.Instruction) -> None:
        if i.opname == "LOAD_GLOBAL" and (i.arg or 0) & 1:
            self.stack.append(NULL)  # before or after the callee: the order tells nothing here
        known = self.locals.get(i.argval)
        self.stack.append(known or self._resolved(i.argval))

    def _resolved(self, name: str) -> Value:
        if name not in self.globals:
            return UNKNOWN
        self.mentioned.append((self.globals[name], self.line))
        return Value("object", self.globals[name])

    def _attribute(self, i: dis.Instruction) -> None:
        base = self._pop()
        as_method = i.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and (i.arg or 0) & 1)
        self.stack.append(self._member(base, i.argval))
        if as_method:
            self.stack.append(NULL if base.kind == "object" else base)

    def _member(self, base: Value, name: str) -> Value:
        if base == SELF:
            return Value("member", name)
        if base.kind == "object" and isinstance(base.what, ModuleType):
            found = getattr(base.what, name, None)
            self.mentioned.append((found, self.line))
            return Value("object", found)
        return Value("attribute", name)

    def _import(self, i: dis.Instruction) -> None:
        if i.opname == "IMPORT_FROM":
            base = self.stack[-1] if self.stack else UNKNOWN
            self.stack.append(self._member(base, i.argval))
            return
        wanted = self._pop()
        self._pop()
        whole = wanted.what is not None  # from a.b import c gives a.b, import a.b gives a
        found = sys.modules.get(i.argval if whole else i.argval.partition(".")[0])
        self.stack.append(Value("object", found) if found else UNKNOWN)

    def _call(self, i: dis.Instruction, end: int) -> None:
        count = i.arg or 0
        spread = i.opname == "CALL_FUNCTION_EX"
        if spread:
            count = 1 - dis.stack_effect(i.opcode, i.arg) - 2
        if i.opname == "CALL_KW":
            self.keywords = self._pop().what or ()
        arguments = [self._pop() for _ in range(count)][::-1]
        pair = [value for value in (self._pop(), self._pop())[::-1] if value != NULL]
        callee, *receiver = pair or [UNKNOWN]
        self.calls.append(
            Call(callee, None if spread else (*receiver, *arguments), self.keywords,
                 range(self.start, end), self.line)
        )  # fmt: skip
        self.keywords = ()
        self.stack.append(Value("result", len(self.calls) - 1))

    def _pop(self) -> Value:
        return self.stack.pop() if self.stack else UNKNOWN


def _parts(name: str) -> list[str]:
    """Split a joined instruction: STORE_FAST_LOAD_FAST does two things."""
    return [word for word in name.split("_") if word in ("LOAD", "STORE")]


def _pair(names: Any) -> tuple[Any, ...]:
    return names if isinstance(names, tuple) else (names,)


def _join(a: Value, b: Value) -> Value:
    same = a.kind == b.kind and (a.what is b.what or (a.kind != "object" and a.what == b.what))
    return a if same else UNKNOWN
