"""The card of a function of the catalogue."""

from __future__ import annotations

from itertools import zip_longest

from actlas.api import Activation
from actlas.backends.latex import to_latex
from actlas.catalogue import Parameter
from actlas.docs import _source
from actlas.docs._index import in_words
from actlas.docs._markdown import code, display, page, plain, section, table
from actlas.expr import derivative
from actlas.facts import facts_of
from actlas.facts.evidence import evidence
from actlas.facts.wording import fact_rows, finding, listed, moment_rows, number

_LONGEST = 1200  # letters of LaTeX; a longer derivative helps nobody on a page


def function_card(function: Activation) -> str:
    """Return the card of a function in Markdown: formula, facts, claims, source, example.

    Facts are those at the function's parameters, claims are judged at the defaults: these are
    what a paper speaks of.

    >>> from actlas.api import get
    >>> "no: falls up to −1.192, rises from −1.192" in function_card(get("mish"))
    True
    """
    entry = function.definition
    return page(
        function.title,
        plain(function.description),
        f"{_source.status(entry)}  \n{_source.called(entry)}  \n"
        f"**Family:** {plain(in_words(function.family))}",
        section("Formula", _formula(function)),
        section("Parameters", _parameters(function)),
        section("Facts", _facts(function)),
        section("Proofs", _proofs(function)),
        section("What the paper says", _claims(function)),
        _source.notes(entry),
        section("In PyTorch", code(example(function), "python")),
        _source.source(entry),
    )


def _formula(function: Activation) -> str:
    inputs = function.definition.inputs
    root = function.expression(as_printed=True)
    slopes = {name: to_latex(derivative(root, name)) for name in inputs}
    arguments = ",\\, ".join(inputs)
    left = {name: rf"\frac{{\partial f}}{{\partial {name}}}" for name in inputs}
    if len(inputs) == 1:
        left = {"x": "f'(x)"}
    shown = [f"{left[name]} = {slope}" for name, slope in slopes.items() if len(slope) <= _LONGEST]
    formulas = display(f"f({arguments}) = {to_latex(root)}", *shown)
    if len(shown) < len(inputs):
        command = f'actlas.get("{function.name}").derivative().latex'
        return f"{formulas}\n\nThe derivative is too long for a page; `{command}` has it."
    return formulas


def _parameters(function: Activation) -> str:
    rows = [
        (f"`{name}`", _value(parameter), _domain(parameter), _kind(parameter))
        for name, parameter in function.parameters.items()
    ]
    return table(("parameter", "default", "allowed", "kind"), rows) if rows else ""


def _value(parameter: Parameter) -> str:
    default = parameter.default
    if isinstance(default, str):
        return plain(default)
    return f"({listed(default)})" if isinstance(default, tuple) else number(default)


def _domain(parameter: Parameter) -> str:
    each = "each " if parameter.is_vector else ""
    return plain(" or ".join(parameter.choices) or each + parameter.domain.text)


def _kind(parameter: Parameter) -> str:
    return "learnable" if parameter.learnable else "constant"


def _facts(function: Activation) -> str:
    """Lay the facts out beside what a standard normal input meets."""
    if len(function.definition.inputs) != 1:
        return "Facts are computed for functions of one input."
    facts = function.facts
    proofs = evidence(facts)
    marked = [
        (name, f"{value} · proved" if name in proofs and proofs[name].proved else value)
        for name, value in fact_rows(facts)
    ]
    rows = zip_longest(marked, moment_rows(facts), fillvalue=("", ""))
    headings = ("fact", "value", "for z ~ N(0, 1)", "value")
    return table(headings, [tuple(map(plain, (*left, *right))) for left, right in rows])


def _proofs(function: Activation) -> str:
    """Say which facts are proved, to which bound and how, and why others are not."""
    proofs = evidence(function.facts) if len(function.definition.inputs) == 1 else {}
    rows = [tuple(map(plain, (name, e.word, e.detail))) for name, e in proofs.items()]
    return table(("fact", "by ball arithmetic", "bound, method, precision"), rows) if rows else ""


def _claims(function: Activation) -> str:
    entry = function.definition
    if not entry.claims or len(entry.inputs) != 1:
        return ""
    facts = facts_of(entry)
    judged = [(claim.statement, *finding(claim, facts)) for claim in entry.claims]
    rows = [(plain(said), f"{'✓' if holds else '✗'} {plain(why)}") for said, holds, why in judged]
    return table(("the paper says", "we find"), rows)


def example(function: Activation) -> str:
    """Return a few lines of Python that use the function; they run as they stand."""
    from actlas.nn import class_of

    inputs = function.definition.inputs
    made = class_of(function.name).__name__
    drawn = [f"{name} = torch.randn(4, 8, requires_grad=True)" for name in inputs]
    call = f"actlas.functional.{function.name}({', '.join(inputs)}).sum().backward()"
    return "\n".join(["import actlas", "import torch", "", *drawn, call,
                      f"layer = actlas.nn.{made}()"])  # fmt: skip
