"""The generated JavaScript: every function with its derivatives, and the words of formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from actlas.api import Activation, get
from actlas.backends.javascript import JAVASCRIPT, RUNTIME
from actlas.backends.printer import print_function
from actlas.catalogue import unroll
from actlas.expr import Expr, symbol
from actlas.expr.parse import arity
from actlas.expr.primitives import VOCABULARY

ORDERS = 3  # f, f', f''


def generated(functions: Iterable[Activation]) -> str:
    """Return the module that the page calls: runtime, CURVES, and VOCABULARY for typed formulas.

    CURVES holds, by id and then by the chosen variants ("tanh"; "" where there is nothing to
    choose), f and its first two derivatives. VOCABULARY holds what a typed formula may call.
    """
    curves = "".join(f"{f.name}: {{{''.join(_variants(f))}}},\n" for f in functions)
    words = "".join(f"{word}: {_callable(word)},\n" for word in VOCABULARY if word != "where")
    return (f"{RUNTIME}\nexport const CURVES = {{\n{curves}}};\n"
            f"export const VOCABULARY = {{\n{words}}};\n")  # fmt: skip


def variants(function: Activation) -> Iterator[tuple[str, Activation]]:
    """Yield (what was chosen, the function) for every combination of a function's choices."""
    choices = {n: p.choices for n, p in function.parameters.items() if p.choices}
    for chosen in product(*choices.values()):
        given = dict(zip(choices, chosen, strict=True))
        yield ",".join(chosen), get(function.name, **given) if given else function


def _variants(function: Activation) -> Iterator[str]:
    for chosen, variant in variants(function):
        values = unroll(dict(variant.values))
        inputs = (*variant.definition.inputs, *values)
        printed = [
            print_function(JAVASCRIPT, variant.derivative(order).expression(), inputs,
                           variant.name, tuple(values.values()))
            for order in range(ORDERS)
        ]  # fmt: skip
        yield f'"{chosen}": [{", ".join(printed)}],'


def _callable(word: str) -> str:
    names = ("x", "u", "v")[: arity(word)]
    root: Expr = VOCABULARY[word](*map(symbol, names))
    return print_function(JAVASCRIPT, root, names, "call")
