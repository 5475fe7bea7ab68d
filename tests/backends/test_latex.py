"""LaTeX: every formula is well-formed, and reads as it is meant."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from latex2mathml.converter import convert

from actlas.backends.latex import LATEX_OPERATIONS, to_latex
from actlas.catalogue import Definition
from actlas.expr import Expr, derivative
from actlas.expr.parse import parse
from actlas.expr.primitives import PRIMITIVES
from tests.conftest import over
from tests.support.truths import cases, node_of


def well_formed(latex: str) -> None:
    """Convert to MathML and read that as XML: no stray bracket, no unknown command left."""
    markup = convert(latex)
    root = ElementTree.fromstring(markup)
    assert root.tag.endswith("math")
    assert len(list(root.iter())) > 2
    assert "\\" not in "".join(root.itertext()), latex
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert not re.search(r"\+ ?-|--|\* ?\*", latex), latex


@over()
def test_every_formula_parses(entry: Definition) -> None:
    well_formed(to_latex(entry.expression(as_printed=True)))
    well_formed(to_latex(entry.expression()))
    well_formed(to_latex(derivative(entry.expression())))


@pytest.mark.parametrize("case", cases())
def test_every_primitive_parses(case: str) -> None:
    well_formed(to_latex(node_of(case)))


def test_there_is_a_template_for_every_primitive() -> None:
    assert set(PRIMITIVES) <= LATEX_OPERATIONS


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("x", "x"),
        ("2*x", "2 x"),
        ("x - (a - b)", r"x - \left(a - b\right)"),
        ("(x + 1)*a", r"\left(x + 1\right) a"),
        ("-(x + 1)", r"-\left(x + 1\right)"),
        ("x + -a*b", "x - a b"),
        ("(x + 1)**2", r"\left(x + 1\right)^{2}"),
        ("exp(x)**2", r"\left(e^{x}\right)^{2}"),
        ("x/(1 + a)", r"\frac{x}{1 + a}"),
        ("tanh(exp(x))", r"\tanh\left(e^{x}\right)"),
        ("max(x, 0)", r"\max\left(x,\, 0\right)"),
        ("x/3", r"\frac{x}{3}"),
        ("1/3*x", r"\frac{1}{3} x"),
        ("0.5*x", "0.5 x"),
        ("-2*x", "-2 x"),
        ("sqrt(1 + a)", r"\sqrt{1 + a}"),
        ("sinc(x)", r"\operatorname{sinc}\left(x\right)"),
        ("alpha*x", r"\alpha x"),
        ("lambd*x", r"\lambda x"),
        ("p1*x", "p_{1} x"),
        ("num_0*x", r"\mathrm{num}_{0} x"),
        ("negative_slope*x", r"\mathrm{negative\_slope} x"),
        ("pi*x", r"\pi x"),
        ("where(x > 0, x, a)",
         r"\begin{cases} x & \text{if } x > 0 \\ a & \text{otherwise} \end{cases}"),
    ],
)  # fmt: skip
def test_reads_as_it_is_meant(formula: str, latex: str) -> None:
    names = frozenset(re.findall(r"[a-z_]\w*", formula)) - {"exp", "tanh", "pi"}
    assert to_latex(parse(formula, names)) == latex


@pytest.mark.parametrize(
    "formula",
    ["log1p(-x)", "lorentz(-x)", "x + (-a)*b", "tanhshrink(-x)", "softsign(-x)", "x - -2*a",
     "1 - -x**2", "expm1(-x)*a", "a*-x", "a + (b + -x)", "hypot1(x - 1)", "powr(x + 1, -a)"],
)  # fmt: skip
def test_signs_never_meet(formula: str) -> None:
    root: Expr = parse(formula, frozenset({"x", "a", "b"}))
    well_formed(to_latex(root))
