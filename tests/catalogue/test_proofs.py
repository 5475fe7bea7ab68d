"""Certificates: every stored one is proved again, wrong ones are refused, stale ones are red."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlas.backends import arb
from actlas.catalogue import Definition, find
from actlas.errors import ActlasError
from actlas.expr import Expr, cos, exp, log, maximum, sin, symbol, tanh
from actlas.facts import Facts, facts_of
from actlas.facts.curve import Curve
from actlas.facts.proofs import Certificate, certificates_of, models, stored, tails
from actlas.facts.proofs import certificate as files
from actlas.facts.proofs.bounding import at_least
from actlas.facts.proofs.claims import CLAIMS, Subject, check
from actlas.facts.proofs.models import UnprovedError
from actlas.facts.proofs.pieces import Piece, cut, value
from actlas.facts.proofs.proving import provable, prove, subject_of, write_all
from actlas.facts.proofs.tails import tail_model
from actlas.facts.proofs.waves import leaves, period
from tests.conftest import ENTRIES, over

X = symbol("x")
ONE = provable(ENTRIES)
AGAIN = "; run: python -m actlas.facts.proofs"


# ---------------------------------------------------------------- what is stored


@over(ONE)
def test_every_certificate_is_proved_again(entry: Definition) -> None:
    """Formula, claims and numbers are those of today; what is marked as proved can be proved."""
    formula, certificates = stored().get(entry.name, ("", {}))
    assert formula == files.fingerprint(facts_of(entry).curve.root), f"missing or stale{AGAIN}"
    assert tuple(certificates) == CLAIMS, f"missing claims{AGAIN}"
    subject, facts = subject_of(entry), facts_of(entry)
    for found in certificates.values():
        assert found.proved != bool(found.reason)
        if found.proved:
            assert check(found, subject) >= 0
            assert says(found, facts), (found, AGAIN)


def says(found: Certificate, facts: Facts) -> bool:
    """Say whether a certificate is about the fact that is shown."""
    if found.claim == "monotone_intervals":
        return found.bound == tuple(sense for *_, sense in facts.monotone_intervals)
    if found.claim == "smoothness":
        order = {math.inf: "C^inf", -1: "discontinuous"}.get(found.bound[0])
        return (order or f"C^{found.bound[0]:.0f}") == facts.smoothness
    if found.claim == "lipschitz":
        shown = facts.lipschitz
    else:
        shown = facts.range[found.claim in ("supremum", "maximum")]
    extremum = getattr(facts, found.claim) if found.claim in ("minimum", "maximum") else None
    if extremum is not None and not found.places[0] <= extremum.x <= found.places[-1]:
        return False
    return found.bound[0] <= shown <= found.bound[1]


def test_nothing_else_is_stored() -> None:
    assert set(stored()) == {entry.name for entry in ONE}, AGAIN


def test_nearly_everything_is_proved() -> None:
    every = [found for _, certificates in stored().values() for found in certificates.values()]
    assert sum(found.proved for found in every) >= 0.98 * len(every)
    assert all(found.width <= 3e-12 * max(1, *map(abs, found.bound))
               for found in every if found.proved and found.claim != "monotone_intervals"
               and math.isfinite(sum(found.bound)))  # fmt: skip


def test_certificates_belong_to_a_formula() -> None:
    elu = find("elu")
    assert certificates_of(facts_of(elu).curve.root)["infimum"].proved
    assert certificates_of(facts_of(elu, {"alpha": 2.0}).curve.root) == {}


def test_files_keep_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command proves nothing again, and writes the very files that ship."""
    monkeypatch.setattr("actlas.facts.proofs.proving.prove", lambda entry: pytest.fail(entry.name))
    claims, _ = write_all(tmp_path)
    assert claims == len(CLAIMS) * len(ONE)
    folder = Path(files.__file__).with_name(files.FOLDER)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        p.name: p.read_text() for p in folder.iterdir()
    }


# ---------------------------------------------------------------- what is wrong is refused

WRONG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a bound too high": ("telu", "infimum", {"bound": (-0.35328, -0.353)}),
    "a bound too low": ("telu", "infimum", {"bound": (-0.3534, -0.35329)}),
    "a bound that is none": ("telu", "supremum", {"bound": (7.0, 7.0)}),
    "infinity without growth": ("tanh", "supremum", {"bound": (math.inf, math.inf)}),
    "a minimum elsewhere": ("gelu", "minimum", {"places": (-0.76, -0.755)}),
    "one of two minima as the only one": ("ssu", "minimum", {"interval": (-math.inf, math.inf)}),
    "a limit as a minimum": ("sigmoid", "minimum", {"places": (-40.0, -39.0)}),
    "a minimum as a limit": ("gaussian", "maximum", {"places": (math.inf,)}),
    "a sign that is wrong": ("mish", "monotone_intervals", {"bound": (1.0, 1.0)}),
    "a turn elsewhere": ("mish", "monotone_intervals", {"places": (-1.3, -1.25)}),
    "a turn left out": ("mish", "monotone_intervals", {"bound": (1.0,), "places": ()}),
    "a turn over the line": ("mish", "monotone_intervals", {"places": (5.0, -5.0)}),
    "a slope too flat": ("silu", "lipschitz", {"bound": (1.0, 1.0998)}),
    "a slope too steep": ("silu", "lipschitz", {"bound": (1.1, 1.2)}),
    "too smooth": ("elu", "smoothness", {"bound": (2.0,)}),
    "not smooth enough": ("elu", "smoothness", {"bound": (0.0,)}),
    "a kink left out": ("relu", "smoothness", {"places": ()}),
    "smooth across a kink": ("relu", "smoothness", {"bound": (math.inf,), "places": ()}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_certificate_is_refused(case: str) -> None:
    name, claim, changed = WRONG[case]
    subject, right = subject_of(find(name)), stored()[name][1][claim]
    check(right, subject)
    with pytest.raises(UnprovedError):
        check(replace(right, **changed), subject)


def test_a_missed_break_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are proved to be pieces, whatever the search for breaks has found."""
    hidden = Curve(maximum(X, 0) + maximum(X - 3, 0))
    assert len(cut(hidden)) == 5
    object.__setattr__(hidden, "breaks", hidden.breaks[:1])
    with pytest.raises(UnprovedError):
        cut(hidden)


def test_nan_is_a_failure() -> None:
    with pytest.raises(UnprovedError, match="no ball decides it near x = "):
        at_least([Piece(-1.0, 2.0, log(X))], arb.ball(-1000))


def test_a_zero_that_is_only_touched_is_not_passed_over() -> None:
    """x + sin(x)**2 never falls, but no ball tells f' = 1 + sin(2x) from a little below 0."""
    found = stored()["snake"][1]["monotone_intervals"]
    assert not found.proved
    assert "no ball decides it" in found.reason


# ---------------------------------------------------------------- tails


@over(ONE)
def test_models_hold_beyond_their_start(entry: Definition) -> None:
    """A model of f or f' at x holds the value there, wherever it has one."""
    pieces = [p for p in cut(facts_of(entry).curve) if not p.joint]
    made = 0
    for piece, towards in ((pieces[0], -1), (pieces[-1], 1)):
        for root in (piece.root, piece.slope()):
            try:
                model = tail_model(root, towards, 64.0)
            except UnprovedError:
                continue
            made += 1
            assert all(_holds(model, root, towards, far) for far in (64.0, 81.5, 1e3, 1e6))
    assert made >= 2


def _holds(model: models.Model, root: Expr, towards: int, far: float) -> bool:
    with arb.precision(4096):
        total = arb.ball(0)
        for scale, factor in model.terms.items():
            total = total + factor.ball * models._size(scale, arb.ball(far))
        return bool(total.overlaps(arb.enclose(root, {"x": towards * far}, 4096)))


PLANTED: dict[str, Any] = {
    "a tail that is 1 - e instead of 1 - 2 e": (
        "_tanh", lambda u, sense: models.scaled(tails._sigmoid(models.scaled(u, 2), sense), sense)),
    "a share that is taken for the whole": (
        "_mills", lambda u, top: models.times(top, models.inverse(u))),
    "a wave that stands still": (
        "_softplus", lambda u, sense: u if sense > 0 else models.scaled(u, 0)),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
def test_a_wrong_rule_for_tails_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the comparison with values above, at one of three functions."""
    _models_of_three()
    name, wrong = PLANTED[fault]
    right = getattr(tails, name)
    rules = {op: wrong if rule is right else rule for op, rule in tails._GROWN.items()}
    monkeypatch.setattr(tails, name, wrong)
    monkeypatch.setattr(tails, "_GROWN", rules)
    with pytest.raises(AssertionError):
        _models_of_three()


def _models_of_three() -> None:
    for name in ("tanh", "gelu", "softplus"):
        test_models_hold_beyond_their_start(find(name))


@pytest.mark.parametrize(
    ("root", "limit"),
    [(tanh(X), 1), (X * exp(-X) + 2, 2), (1 / X, 0), ((2 * X + 1) / X, 2), (tanh(exp(X)), 1)],
    ids=str,
)
def test_limits(root: Expr, limit: float) -> None:
    assert models.limit(tail_model(root, 1, 64.0)).contains(limit)


def test_signs_of_tails() -> None:
    assert models.sign(tail_model(X * tanh(exp(X)), -1, 8.0)) == -1
    assert models.sign(tail_model(tanh(X) - 1, 1, 8.0)) == -1  # 1 - 1 leaves what is below it
    with pytest.raises(UnprovedError):
        models.sign(tail_model(sin(X), 1, 8.0))


def test_waves() -> None:
    assert period(sin(2 * X) + cos(X * 3)) == pytest.approx(2 * math.pi)
    assert period(X + sin(X)) is None
    assert leaves(X * cos(X), 1) == {-1, 1}
    assert leaves(sin(X), 1) == set()


# ---------------------------------------------------------------- manners


def test_without_the_extra_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    arb._flint.cache_clear()
    try:
        with pytest.raises(ActlasError, match=r'pip install "actlas\[prove\]"'):
            prove(find("tanh"))
        assert stored()["tanh"][1]["infimum"].proved  # what is proved can be read without it
    finally:
        arb._flint.cache_clear()


def test_a_box_at_a_time() -> None:
    """The bound of a wide ball is not good enough; bisection makes it so."""
    assert not value(X * X - X, 0.0, 1.0) >= -0.26
    assert at_least([Piece(0.0, 1.0, X * X - X)], arb.ball(-0.26)) > 1


def test_subjects_know_the_papers_form() -> None:
    subject: Subject = subject_of(find("bent_identity"))
    assert subject.printed is not subject.curve
