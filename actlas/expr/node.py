"""The expression node: immutable, shared, built by ordinary Python arithmetic.

Equal expressions are the same object (hash-consing), so a shared sub-expression is found by
identity and `is` compares structure. Rational constants are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Union

Number = Union[int, float, Fraction]
Operand = Union["Expr", Number]


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Expr:
    """One node: an operation, its arguments, and a value (constant, symbol name or integer)."""

    op: str
    args: tuple[Expr, ...]
    value: Fraction | str | int | None
    symbols: frozenset[str]  # of the whole expression

    def __repr__(self) -> str:
        if self.op in ("const", "symbol"):
            return str(self.value)
        inside = ", ".join(map(repr, self.args))
        return f"{self.op}({inside}{'' if self.value is None else f'; {self.value}'})"

    def __add__(self, other: Operand) -> Expr:
        return add(self, other)

    def __radd__(self, other: Operand) -> Expr:
        return add(other, self)

    def __sub__(self, other: Operand) -> Expr:
        return sub(self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return sub(other, self)

    def __mul__(self, other: Operand) -> Expr:
        return mul(self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return mul(other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return div(self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return div(other, self)

    def __neg__(self) -> Expr:
        return neg(self)

    def __pow__(self, exponent: int) -> Expr:
        return power(self, exponent)

    def __lt__(self, other: Operand) -> Expr:
        return make("lt", self, other)

    def __le__(self, other: Operand) -> Expr:
        return make("le", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return make("gt", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return make("ge", self, other)

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value; write where(condition, a, b)")

    def __reduce__(self) -> tuple[Callable[..., Expr], tuple[Any, ...]]:
        return intern, (self.op, self.args, self.value)


_nodes: dict[tuple[Any, ...], Expr] = {}


def intern(op: str, args: tuple[Expr, ...] = (), value: Fraction | str | int | None = None) -> Expr:
    """Return the one node of this operation, arguments and value: equal means identical."""
    key = (op, args, value)
    if key not in _nodes:
        own = [frozenset([str(value)])] if op == "symbol" else [arg.symbols for arg in args]
        _nodes[key] = Expr(op, args, value, frozenset().union(*own))
    return _nodes[key]


def const(value: Number) -> Expr:
    """Return an exact constant; a float means its shortest decimal form (0.1 is one tenth)."""
    exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    return intern("const", (), exact)


def symbol(name: str) -> Expr:
    """Return the variable or parameter called `name`."""
    return intern("symbol", (), name)


def as_expr(value: Operand) -> Expr:
    """Return `value` itself if it is an expression, else the constant."""
    return value if isinstance(value, Expr) else const(value)


def make(op: str, *args: Operand, value: int | None = None) -> Expr:
    """Return the node `op(args)`, with its arguments made into expressions."""
    return intern(op, tuple(map(as_expr, args)), value)


def constant_value(node: Expr) -> Fraction | None:
    """Return the rational value of a constant node, or None."""
    return node.value if isinstance(node.value, Fraction) else None


ZERO, ONE, PI = const(0), const(1), intern("pi")


def add(left: Operand, right: Operand) -> Expr:
    """Return left + right, with what is trivial about it taken away."""
    a, b = as_expr(left), as_expr(right)
    u, v = constant_value(a), constant_value(b)
    if u is not None and v is not None:
        return const(u + v)
    if u == 0 or v == 0:
        return b if u == 0 else a
    if b.op == "neg":
        return sub(a, b.args[0])
    return make("add", a, b)


def sub(left: Operand, right: Operand) -> Expr:
    """Return left - right, with what is trivial about it taken away."""
    a, b = as_expr(left), as_expr(right)
    u, v = constant_value(a), constant_value(b)
    if u is not None and v is not None:
        return const(u - v)
    if a is b:
        return ZERO
    if u == 0 or v == 0:
        return neg(b) if u == 0 else a
    if b.op == "neg":
        return add(a, b.args[0])
    return make("sub", a, b)


def mul(left: Operand, right: Operand) -> Expr:
    """Return left * right, with what is trivial about it taken away."""
    a, b = as_expr(left), as_expr(right)
    u, v = constant_value(a), constant_value(b)
    if u is not None and v is not None:
        return const(u * v)
    if u == 0 or v == 0:
        return ZERO
    if u == 1 or v == 1:
        return b if u == 1 else a
    if u == -1 or v == -1:
        return neg(b if u == -1 else a)
    if a.op == "neg":
        return neg(mul(a.args[0], b))
    if b.op == "neg":
        return neg(mul(a, b.args[0]))
    return _mul_of_constants(a, b, u, v)


def _mul_of_constants(a: Expr, b: Expr, u: Fraction | None, v: Fraction | None) -> Expr:
    """Bring a constant to the front and merge it with one already there."""
    if v is not None:
        a, b, u = b, a, v
    inner = constant_value(b.args[0]) if b.op == "mul" else None
    if u is not None and inner is not None:
        return mul(const(u * inner), b.args[1])
    if inner is not None and abs(inner) > 1:  # 2*(s*x) cannot overflow where s*(2*x) would
        return mul(b.args[0], mul(a, b.args[1]))
    inner = constant_value(a.args[0]) if a.op == "mul" else None
    if inner is not None and abs(inner) > 1:
        return mul(a.args[0], mul(a.args[1], b))
    return make("mul", a, b)


def div(left: Operand, right: Operand) -> Expr:
    """Return left / right, with what is trivial about it taken away."""
    a, b = as_expr(left), as_expr(right)
    u, v = constant_value(a), constant_value(b)
    if v == 0:
        raise ZeroDivisionError(f"division of {a!r} by the constant 0")
    if u is not None and v is not None:
        return const(u / v)
    if u == 0 or v == 1:
        return a
    if a is b:
        return ONE
    if a.op == "neg":
        return neg(div(a.args[0], b))
    return make("div", a, b)


def neg(operand: Operand) -> Expr:
    """Return -operand, with what is trivial about it taken away."""
    a = as_expr(operand)
    value = constant_value(a)
    if value is not None:
        return const(-value)
    if a.op == "neg":
        return a.args[0]
    if a.op == "sub":
        return sub(a.args[1], a.args[0])
    if a.op == "mul" and constant_value(a.args[0]) is not None:
        return mul(neg(a.args[0]), a.args[1])
    return make("neg", a)


def power(base: Operand, exponent: int) -> Expr:
    """Return base**exponent for an integer exponent."""
    if isinstance(exponent, bool) or not isinstance(exponent, int):
        raise TypeError(f"an exponent must be an integer, not {exponent!r}; write exp(p*log(u))")
    a = as_expr(base)
    value = constant_value(a)
    if value is not None:
        return const(value**exponent)
    if exponent in (0, 1):
        return a if exponent else ONE
    return make("pow", a, value=exponent)


def walk(*roots: Expr) -> Iterator[Expr]:
    """Yield every distinct node under `roots`, arguments before the nodes that use them."""
    seen: set[Expr] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node in seen:
            continue
        if ready:
            seen.add(node)
            yield node
            continue
        stack.append((node, True))
        stack.extend((child, False) for child in reversed(node.args))


def rewrite(root: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return `root` with `change` applied to every node, arguments first."""
    done: dict[Expr, Expr] = {}
    for node in walk(root):
        args = tuple(done[child] for child in node.args)
        done[node] = change(node if args == node.args else rebuild(node, args))
    return done[root]


_CONSTRUCTORS: dict[str, Callable[..., Expr]] = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg,
}  # fmt: skip


def rebuild(node: Expr, args: tuple[Expr, ...]) -> Expr:
    """Return the node with new arguments, simplified as if it had been written so."""
    if node.op == "pow":
        assert isinstance(node.value, int)
        return power(args[0], node.value)
    constructor = _CONSTRUCTORS.get(node.op)
    return constructor(*args) if constructor else intern(node.op, args, node.value)


def substitute(root: Expr, replacements: dict[Expr, Expr]) -> Expr:
    """Return `root` with the symbols in `replacements` exchanged."""
    return rewrite(root, lambda node: replacements.get(node, node))


def symbols(root: Expr) -> frozenset[str]:
    """Return the names of the variables and parameters that `root` uses."""
    return root.symbols
