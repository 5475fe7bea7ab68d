"""Printing a lowered expression as source: the part that every printed language shares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from actlas.backends.numpy import prepared
from actlas.errors import ActlasError
from actlas.expr import Expr, symbols, walk
from actlas.expr.node import constant_value

_LONGEST = 70  # a sub-expression longer than this gets a name of its own


@dataclass(frozen=True)
class Language:
    """Templates of the primitives ({0}, {1}, {2} arguments, {n} the order) and of a function."""

    name: str
    templates: Mapping[str, str]
    number: Callable[[Fraction], str]
    assign: str  # {name}, {value}
    function: str  # {name}, {arguments}, {body}, {result}
    argument: str  # {name}
    runtime: str  # what every printed function may call
    unused: str = ""  # {name}: says that an input is not read, where the language warns of that
    keywords: str = ""  # words that cannot name anything, with spaces between
    helper: str = ""  # how a helper of the runtime begins, where those not called can be left out
    adapt: Callable[[Expr], Expr] = lambda lowered: lowered  # forms that the language prefers

    @cached_property
    def _taken(self) -> frozenset[str]:
        called = " ".join([self.runtime, *self.templates.values()])
        return frozenset([*re.findall(r"(\w+)\)?\(", called), *self.keywords.split()])

    def runtime_for(self, printed: str) -> str:
        """Return the runtime, without the helpers that `printed` does not need if they can go."""
        if not self.helper:
            return self.runtime
        head, *helpers = re.split(rf"(?m)^(?={self.helper})", self.runtime)
        kept: list[str] = []
        for helper in reversed(helpers):  # a helper calls only those above it
            name = helper.removeprefix(self.helper).partition("(")[0]
            if re.search(rf"\b{name}\b", "".join([printed, *kept])):
                kept.insert(0, helper)
        return "".join([head, *kept])

    def safe(self, name: str) -> str:
        """Return `name`, with "_" behind it where it means something else in the language.

        `function sigmoid(x) { return sigmoid(x); }` would call itself for ever.
        """
        clashes = name in self._taken or re.fullmatch(r"t\d+", name)
        return f"{name}_" if clashes else name


def print_function(
    language: Language, root: Expr, inputs: Sequence[str], name: str, usual: Sequence[float] = ()
) -> str:
    """Return `root` as the source of one function of `inputs`.

    `usual` are typical values of inputs[1:]; they decide which infinities need leading. A name
    that the language has taken gets "_" behind it.
    """
    lowered = language.adapt(prepared(root, tuple(inputs), tuple(usual)))
    lines, result = _statements(language, lowered)
    idle = [language.safe(given) for given in inputs if given not in symbols(lowered)]
    lines = [*(language.unused.format(name=given) for given in idle), *lines]
    return language.function.format(
        name=language.safe(name), result=result, body="".join(lines),
        arguments=", ".join(language.argument.format(name=language.safe(i)) for i in inputs),
    )  # fmt: skip


def _statements(language: Language, root: Expr) -> tuple[list[str], str]:
    uses = Counter(child for node in walk(root) for child in node.args)
    text: dict[Expr, str] = {}
    lines: list[str] = []
    for node in walk(root):
        text[node] = _print(language, node, [text[child] for child in node.args])
        plain = node.op in ("const", "symbol", "lt", "le", "gt", "ge")
        if not plain and node is not root and (uses[node] > 1 or len(text[node]) > _LONGEST):
            name = f"t{len(lines)}"
            lines.append(language.assign.format(name=name, value=text[node]))
            text[node] = name
    return lines, text[root]


def _print(language: Language, node: Expr, arguments: list[str]) -> str:
    value = constant_value(node)
    if value is not None:
        return language.number(value)
    if node.op == "symbol":
        return language.safe(str(node.value))
    if node.op not in language.templates:
        raise ActlasError(f"the {language.name} backend has no primitive {node.op!r}")
    return language.templates[node.op].format(*arguments, n=node.value)


INFIX = {
    "add": "({0} + {1})", "sub": "({0} - {1})", "mul": "({0} * {1})", "div": "({0} / {1})",
    "neg": "(-{0})", "lt": "{0} < {1}", "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}",
    "where": "({0} ? {1} : {2})",
}  # fmt: skip
