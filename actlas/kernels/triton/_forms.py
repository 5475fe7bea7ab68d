"""Pairs and biases are other expressions; the kernels know of neither."""

from __future__ import annotations

from actlas.errors import ActlasError
from actlas.expr import substitute, symbol, symbols
from actlas.kernels.triton._text import Kernel


def gated(kernel: Kernel) -> Kernel:
    """Return y * f(x): the inputs are x, then y, then the parameters of f.

    The two may be halves of one tensor, side by side or in turn, or two tensors: strides say it.

    Args:
        kernel: a function f of x.

    Raises:
        ActlasError: f is a function of two tensors already.

    >>> from actlas.expr import tanh
    >>> gated((tanh(symbol("x")), ("x",), ()))
    (mul(y, tanh(x)), ('x', 'y'), ())
    """
    root, (x, *parameters), _ = kernel
    if "y" in symbols(root):
        raise ActlasError("a gate multiplies a function of x, got one of x and y")
    return symbol("y") * root, (x, "y", *parameters), ()


def biased(kernel: Kernel, to: str = "x") -> Kernel:
    """Return f(x + bias): the bias is one more input, at the end, called bias_x.

    Args:
        kernel: an expression.
        to: what the bias is added to, "x" or "y".

    Raises:
        ActlasError: there is no such input, or it has a bias already.

    >>> from actlas.expr import tanh
    >>> biased((tanh(symbol("x")), ("x",), ()))
    (tanh(add(x, bias_x)), ('x', 'bias_x'), (0.0,))
    """
    root, inputs, usual = kernel
    name = f"bias_{to}"
    if to not in ("x", "y") or to not in inputs or name in inputs:
        raise ActlasError(f"a bias is added once, to x or y, not to {to!r} of {', '.join(inputs)}")
    moved = substitute(root, {symbol(to): symbol(to) + symbol(name)})
    known = len(usual) == len(inputs) - 1
    return moved, (*inputs, name), (*usual, 0.0) if known and "y" not in inputs else ()
