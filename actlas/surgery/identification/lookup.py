"""`actlas.identify`: which function of the catalogue is this?

An object is never judged by its name: it is called at many points and compared with the curves of
the whole catalogue, as they stand, with the parameters found on the object, and up to scale.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from actlas.errors import ActlasError
from actlas.surgery.identification.calls import undisturbed
from actlas.surgery.identification.curves import SPAN, Array, Span, grid
from actlas.surgery.identification.gated import nearest_unit
from actlas.surgery.identification.match import EXACT, Match, Target
from actlas.surgery.identification.names import named_subject, other_meanings
from actlas.surgery.identification.pairs import Pair
from actlas.surgery.identification.probe import Subject, probe
from actlas.surgery.identification.result import Identity
from actlas.surgery.identification.search import nearest_known

TOLERANCE = 1e-3


def identify(
    thing: Any,
    *,
    library: str | None = None,
    interval: Span = SPAN,
    tolerance: float = TOLERANCE,
    **options: Any,
) -> Identity:
    """Return which function of the catalogue an object is, measured and not guessed by its name.

    Args:
        thing: a module or its class; a callable of tensors, arrays or numbers, of one input or of
            the two halves of a gated unit; a name ("telu", "jax:gelu", "onnx:Gelu(approximate=
            tanh)", "torch:hardtanh"); or a formula of x ("x*sigmoid(1.7*x)").
        library: whose name it is: "hf", "timm", "keras", "keras2", "tf", "jax", "onnx", "ort",
            "mlx", "ggml", "vllm", "diffusers", "te", "openclip", "torch".
        interval: where the two are compared.
        tolerance: the largest difference at which the function counts as known.
        options: of the function named, for example approximate="tanh".

    Raises:
        ActlasError: with the reason, for what is no function of one number or of two halves:
            other shapes, elements mixed, random values, integers only, a name nobody knows.

    >>> found = identify("jax:gelu")
    >>> found.id, found.difference < 1e-12
    ('gelu_tanh', True)
    >>> import torch
    >>> identify(torch.nn.LeakyReLU(0.2)).parameters
    {'negative_slope': 0.2}
    """
    span, size = _checked(interval, tolerance)
    if isinstance(thing, str):
        subject = named_subject(thing, library, options)
    elif library is not None or options:
        raise ActlasError("library and options belong to a name; give the object alone")
    else:
        subject = probe(thing)
    with undisturbed():
        found = _of_pair(subject, span, size) if isinstance(subject, Pair) else _of_curve(
            subject, span, size)  # fmt: skip
    if isinstance(thing, str) and library is None:
        found = replace(found, notes=(*found.notes, *other_meanings(thing, subject)))
    return found


def _checked(interval: Any, tolerance: Any) -> tuple[Span, float]:
    try:
        low, high = map(float, interval)
    except (TypeError, ValueError):
        raise ActlasError(f"interval must be two numbers, got {interval!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ActlasError(f"interval must run from a low to a high number, got {interval!r}")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not tolerance > 0:
        raise ActlasError(f"tolerance must be a number above 0, got {tolerance!r}")
    return (low, high), float(tolerance)


# ----------------------------------------------------------------------------------- one input


def _of_curve(subject: Subject, span: Span, tolerance: float) -> Identity:
    x = grid(span)
    y = subject.function(x)
    numbers = y[np.isfinite(y)]
    finite = numbers.size / y.size
    if finite < 0.05:
        raise ActlasError(f"{subject.label} gives hardly a finite number on [{span[0]:g}, "
                          f"{span[1]:g}]; give another interval")  # fmt: skip
    if np.ptp(y[np.isfinite(y)]) == 0:
        raise ActlasError(
            f"{subject.label} is the constant {y[np.isfinite(y)][0]:g}, no activation"
        )
    target = Target(x, y, subject.hints, subject.called)
    best, plain = nearest_known(target, span, tolerance)
    difference, at = _refined(subject, best, target, span)
    exact = difference <= EXACT * target.size
    known = exact or difference <= tolerance
    notes = [*subject.notes]
    if finite < 1:
        notes.append(f"it is finite on {finite:.0%} of the interval only")
    if known:
        notes += _beyond(subject, best, span)
    if not exact:
        notes += _without_place(subject, best)
    same = [match.text for match in plain if exact and target.same(match)]
    others = [match for match in plain if not (exact and target.same(match))]
    return Identity(
        subject.label, best.entry.name, best.changed, difference, at, span, best.text, best.scale,
        exact, known, tuple(same[:3]), _distinct(others), tuple(notes),
    )  # fmt: skip


def _distinct(matches: list[Match]) -> tuple[tuple[str, float], ...]:
    """Return the two nearest candidates that differ from each other."""
    found: dict[str, tuple[str, float]] = {}
    for match in matches:
        found.setdefault(f"{match.difference:.6g}", (match.text, match.difference))
    return tuple(found.values())[:2]


def _refined(subject: Subject, best: Match, target: Target, span: Span) -> tuple[float, float]:
    """Return the largest difference, looked for between the points of the grid too."""
    step = float(target.x[1] - target.x[0])
    near = np.linspace(max(best.at - step, span[0]), min(best.at + step, span[1]), 401)
    closer = Target(near, subject.function(near), {}, ()).match(best.entry, best.parameters,
                                                                scale=best.scale)  # fmt: skip
    finer = math.isfinite(closer.difference) and closer.difference > best.difference
    return (closer.difference, closer.at) if finer else (best.difference, best.at)


def _without_place(subject: Subject, best: Match) -> list[str]:
    """Name the numbers found on the object that the nearest function has no parameter for."""
    keys = {key for p in best.entry.parameters.values() for key in (p.name, p.key)}
    if not keys & set(subject.hints):
        return []
    left = [f"{name} = {value:g}" for name, value in subject.hints.items()
            if name not in keys and isinstance(value, (int, float))]  # fmt: skip
    return [f"{best.entry.name} has no parameter for {', '.join(left)}"] if left else []


def _beyond(subject: Subject, best: Match, span: Span) -> list[str]:
    """Say where the two part outside the interval."""
    edge = max(map(abs, span))
    far = edge * np.logspace(0.01, 2, 40)
    x: Array = np.concatenate([-far[::-1], far])
    try:
        y = subject.function(x)
    except Exception:  # a function may refuse what lies outside
        return []
    truth = best(np.broadcast_to(x, y.shape))
    away = np.abs(y - truth) / np.maximum(1, np.abs(truth))
    away[~np.isfinite(away)] = 0
    if away.max() < 1e-3:
        return []
    place = np.unravel_index(int((away > 1e-3).argmax()), away.shape)
    apart = abs(float(y[place] - truth[place]))
    return [f"outside the interval they part: {apart:.3g} apart at x = {x[place[-1]]:.3g}"]


# ------------------------------------------------------------------------------------ two halves


def _of_pair(pair: Pair, span: Span, tolerance: float) -> Identity:
    best, size = nearest_unit(pair, span, tolerance)
    exact = best.difference <= EXACT * size
    notes = list(pair.notes)
    if best.swapped and pair.packed == "interleaved":
        notes.append("its gate lies at the odd places, which is none of the layouts")
    elif best.swapped and not pair.packed:
        notes.append("its gate is the second input")
    return Identity(
        pair.label, best.unit.id, best.parameters,
        best.difference, best.at, span, best.text,
        exact=exact, known=exact or best.difference <= tolerance, notes=tuple(notes),
    )  # fmt: skip
