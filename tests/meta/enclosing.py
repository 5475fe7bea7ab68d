"""Faults of ball arithmetic: the truth that everything else is judged by."""

from __future__ import annotations

import pytest

from actlas.backends import arb
from actlas.catalogue import find
from actlas.expr import erf
from tests.backends import test_arb
from tests.meta.planting import Faults, entry, matches

FAULTS = Faults()


@FAULTS.part(
    "a ball is wrong in its fifteenth digit, seen by mpmath",
    "(), {'x': -",
    lambda: test_arb.test_every_function_to_the_last_double(find("gelu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    right = arb.FUNCTIONS["ncdf"]
    patch.setitem(arb.FUNCTIONS, "ncdf", lambda u: right(u) * (1 + arb.ball(2) ** -50))


@FAULTS.part(
    "a ball is wrong in its twelfth digit, seen by a backend",
    "wrong points",
    lambda: matches("numpy-float64")(entry(lambda x: erf(x))),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(arb.FUNCTIONS, "erf", lambda u: u.erf() * (1 + arb.ball(2) ** -40))


@FAULTS.part(
    "a value is taken from the middle of a ball that proves nothing",
    "assert 0.0 == 1",
    lambda: test_arb.test_precision_rises_as_far_as_needed((test_arb.X + 1) - test_arb.X, 1e300, 1),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arb, "_one_double", lambda found: float(found.mid()))


@FAULTS.part(
    "an undecided comparison takes its first branch",
    "assert (",
    test_arb.test_undecided_comparisons_give_both_branches,
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(arb.FUNCTIONS, "where", lambda c, a, b: b if c is False else a)


@FAULTS.part(
    "of a wide ball only the middle is looked at",
    "assert False",
    lambda: test_arb.test_wide_balls_hold_every_value("tanh"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(arb.FUNCTIONS, "tanh", lambda u: u.mid().tanh())


@FAULTS.part(
    "what is bounded too narrowly goes wrong in a whole function",
    "<= ",
    lambda: test_arb.test_enclosures_of_functions_hold_their_values(find("sinc")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(arb.FUNCTIONS, "sphj", lambda n, u: arb._sphj_at(n, u.mid()))


@FAULTS.part(
    "two inputs given as one ball are taken for one number",
    "assert ",
    test_arb.test_a_square_is_not_a_product_of_two,
)
def _(patch: pytest.MonkeyPatch) -> None:
    right = arb.ball
    patch.setattr(arb, "ball", lambda v, w=None: v if hasattr(v, "mid") else right(v, w))
