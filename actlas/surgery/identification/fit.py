"""Candidates with freedom: parameters fitted, and curves scaled and shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from actlas.catalogue import Definition, Parameter
from actlas.surgery.identification.curves import Array, Curve, Span, grid, of_one_input, values
from actlas.surgery.identification.match import EXACT, PLAIN, Match, Scale, Target, nodes

Vector = Array
Model = Callable[[Vector, Array], Array]
_POINTS = 200  # of a fit; the result is measured on the whole grid
_TRIED, _POLISHED = 16, 3
_QUICK, _PATIENT = 10, 40  # rounds of a fit
_FACTORS = tuple(s * 2.0 ** (k / 2) for s in (1, -1) for k in sorted(range(-6, 7), key=abs))
_SHIFTS = (0.0, -3.0, -1.5, -0.75, 0.75, 1.5, 3.0)
# What b and d start from, and how many of a, b, c, d are fitted.
_FREEDOMS = {1: ((1.0,), (0.0,), 1), 2: (_FACTORS, (0.0,), 2), 3: (_FACTORS, _SHIFTS, 4)}


@dataclass(frozen=True)
class _Candidate:
    """A family of curves with free numbers, and a good place to start from."""

    entry: Definition
    model: Model
    measured: Callable[[Vector], Match]
    start: Vector


def with_freedom(target: Target, span: Span, freedom: int) -> Iterable[Match]:
    """Return the best candidates with so much freedom.

    Args:
        target: the curve, of one channel.
        span: the interval of the comparison.
        freedom: how many parameters are fitted; with 1 also a of a f(x), with 2 a and b of
            a f(b x), with 3 all of a f(b x + d) + c.
    """
    candidates = [
        _with_parameters(target, entry, free)
        for entry in of_one_input()
        if len(free := _numbers(entry)) == freedom == len(entry.parameters)
    ]
    factors, shifts, numbers = _FREEDOMS[freedom]
    candidates += [
        _scaled(target, curve, np.array(start[:numbers]))
        for curve, start in _promising(target, span, factors, shifts, numbers)
    ]
    return _fitted(target, candidates)


def _fitted(target: Target, candidates: list[_Candidate]) -> Iterable[Match]:
    """Fit all candidates quickly, and the best of them with patience."""
    there = np.isfinite(target.y[0])
    every = max(1, int(there.sum()) // _POINTS)
    x, y = target.x[there][::every], target.y[0][there][::every]
    quick = [(*fit(c.model, x, y, c.start, _QUICK), c) for c in candidates]
    for vector, _, candidate in sorted(quick, key=_promise)[:_POLISHED]:
        polished, _ = fit(candidate.model, x, y, vector, _PATIENT)
        yield _rounded(target, candidate.measured, polished)


def _promise(found: tuple[Vector, float, _Candidate]) -> tuple[float, int, int]:
    """Return the order in which fits are polished: the best, of perfect ones the simplest."""
    _, left, candidate = found
    return max(left, 1e-9), len(candidate.entry.parameters), nodes(candidate.entry)


def _rounded(target: Target, measured: Callable[[Vector], Match], vector: Vector) -> Match:
    """Return the match with the fewest decimals in its fitted numbers that is as good."""
    best = measured(vector)
    enough = max(1.01 * best.difference, EXACT * target.size / 100)
    if best.scale != PLAIN and len(vector) > 1:  # a f(x) may do where f is homogeneous
        a, b = vector[:2]
        alone = np.array([a * b, 1.0, *vector[2:]])
        vector = alone if measured(alone).difference <= enough else vector
    for decimals in range(13):
        short = measured(np.round(vector, decimals))
        if short.difference <= enough:
            return short
    return best


# ------------------------------------------------------------------------------------ parameters


def _numbers(entry: Definition) -> list[Parameter]:
    """Return the parameters that are single numbers."""
    return [p for p in entry.parameters.values() if not p.choices and not p.is_vector]


def _with_parameters(target: Target, entry: Definition, free: list[Parameter]) -> _Candidate:
    def given(vector: Vector) -> dict[str, Any]:
        return {p.name: _inside(p, v) for p, v in zip(free, vector.tolist(), strict=True)}

    def measured(vector: Vector) -> Match:
        return replace(target.match(entry, given(vector)), fitted=len(free))

    start = np.array([float(p.default) for p in free])  # type: ignore[arg-type]
    return _Candidate(entry, lambda v, x: values(entry, given(v), x), measured, start)


def _inside(parameter: Parameter, value: float) -> float:
    """Return the nearest number that the parameter may have."""
    low, high = parameter.domain.low, parameter.domain.high
    margin = 1e-6 if parameter.domain.open else 0.0
    moved = min(max(value, low + margin), high - margin)
    return moved if moved in parameter.domain else float(parameter.default)  # type: ignore[arg-type]


# -------------------------------------------------------------------------------- scale and shift


def _scaled(target: Target, curve: Curve, start: Vector) -> _Candidate:
    def model(vector: Vector, x: Array) -> Array:
        a, b, c, d = _four(vector)
        return a * curve(b * x + d) + c

    def measured(vector: Vector) -> Match:
        match = target.match(curve.entry, curve.parameters, scale=_four(vector))
        return replace(match, fitted=len(start))

    return _Candidate(curve.entry, model, measured, start)


def _four(vector: Vector) -> Scale:
    a, b, c, d = (*map(float, vector), *PLAIN[len(vector) :])
    return a, b, c, d


def _promising(
    target: Target,
    span: Span,
    factors: tuple[float, ...],
    shifts: tuple[float, ...],
    numbers: int,
) -> list[tuple[Curve, Scale]]:
    """Return the functions whose best a (and c) at a tabulated b and d leave the least."""
    table = _scaled_curves(of_one_input(), span, factors, shifts)
    x = grid(span, table.y.shape[-1])
    y = np.interp(x, target.x, np.nan_to_num(target.y[0]))
    f_mean, y_mean = (table.y.mean(1), y.mean()) if numbers == 4 else (np.zeros(1), 0.0)
    f, goal = table.y - f_mean[:, None], y - y_mean
    power = np.maximum((f * f).sum(1), 1e-30)
    a = f @ goal / power
    c = y_mean - a * f_mean
    # Rounded, so that of equally good ones the first comes first, which is the simplest.
    left = np.round(1 - a * a * power / max(float(goal @ goal), 1e-300), 12)
    chosen: dict[Definition, tuple[Curve, Scale]] = {}
    for i in np.argsort(left, kind="stable"):
        curve, (_, b, _, d) = table.curves[i], table.scales[i]
        chosen.setdefault(curve.entry, (curve, (float(a[i]), b, float(c[i]), d)))
        if len(chosen) == _TRIED:
            break
    return list(chosen.values())


@dataclass(frozen=True)
class _ScaledCurves:
    """f(b x + d) of many functions: a row of `y` for each curve and scale."""

    curves: tuple[Curve, ...]
    scales: tuple[Scale, ...]
    y: Array


@lru_cache(maxsize=4)
def _scaled_curves(
    entries: tuple[Definition, ...],
    span: Span,
    factors: tuple[float, ...],
    shifts: tuple[float, ...],
) -> _ScaledCurves:
    """Return f(b x + d) of every function for a set of b and d, on a coarse grid."""
    x = grid(span, 160)
    scales = [(1.0, b, 0.0, d) for b in factors for d in shifts]
    moved = np.stack([b * x + d for _, b, _, d in scales])
    curves = _distinct(entries, span)
    with np.errstate(all="ignore"):
        y = np.concatenate([curve(moved) for curve in curves])
    usable = np.isfinite(y).all(1) & (np.abs(y).max(1) < 1e12)
    named = [(curve, scale) for curve in curves for scale in scales]
    kept = [pair for pair, good in zip(named, usable, strict=True) if good]
    return _ScaledCurves(tuple(c for c, _ in kept), tuple(s for _, s in kept), y[usable])


@lru_cache(maxsize=4)
def _distinct(entries: tuple[Definition, ...], span: Span) -> tuple[Curve, ...]:
    """Return one curve, the simplest, of all that are the same at their defaults."""
    ordered = sorted(entries, key=lambda entry: (len(entry.parameters), nodes(entry)))
    curves = [Curve(entry, entry.bind({})) for entry in ordered]
    y = np.nan_to_num(np.stack([curve(grid(span, 160)) for curve in curves]))
    kept: list[int] = []
    for i in range(len(curves)):
        if not kept or np.abs(y[kept] - y[i]).max(1).min() > EXACT:
            kept.append(i)
    return tuple(curves[i] for i in kept)


# -------------------------------------------------------------------------------- least squares


def fit(model: Model, x: Array, y: Array, start: Vector, rounds: int) -> tuple[Vector, float]:
    """Return the vector of least squares near `start` and its sum of squares.

    The method is Levenberg's and Marquardt's, with slopes from differences.
    """

    def residual(vector: Vector) -> Array:
        with np.errstate(all="ignore"):
            left = np.asarray(model(vector, x) - y, dtype=np.float64)
        return np.nan_to_num(left, nan=1e6, posinf=1e6, neginf=-1e6)

    vector, damping = start.astype(np.float64), 1e-3
    left = residual(vector)
    for _ in range(rounds):
        slopes = _slopes(residual, vector, left)
        normal = slopes.T @ slopes
        damped = normal + damping * np.diag(np.diag(normal) + 1e-12)
        moved = vector - np.linalg.lstsq(damped, slopes.T @ left, rcond=None)[0]
        better = residual(moved)
        if (better @ better) < (left @ left):
            done = bool((better @ better) > 0.999999 * (left @ left))
            vector, left, damping = moved, better, damping / 10
        else:
            done, damping = damping > 1e8, damping * 10
        if done or (left @ left) < 1e-24:
            break
    return vector, float(left @ left)


def _slopes(residual: Callable[[Vector], Array], vector: Vector, left: Array) -> Array:
    steps = np.diag(1e-6 * (1 + np.abs(vector)))
    return np.stack([(residual(vector + step) - left) / step.sum() for step in steps], axis=1)
