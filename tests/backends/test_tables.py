"""The stored coefficients are what mpmath gives when they are made again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mpmath import mp, mpf

from actlas.backends.tables import ERF, ERFCX, SPLIT, TANHSHRINK

_NODES = 64


def _chebyshev(function: Callable[[mpf], mpf], terms: int) -> list[mpf]:
    """Return the coefficients of the interpolation at the Chebyshev points, the first doubled."""
    angles = [mp.pi * (j + mpf(1) / 2) / _NODES for j in range(_NODES)]
    values = [function(mp.cos(angle)) for angle in angles]
    return [
        2 * mp.fsum(v * mp.cos(k * a) for v, a in zip(values, angles, strict=True)) / _NODES
        for k in range(terms)
    ]


def _erfcx(t: mpf) -> mpf:
    x = SPLIT * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _erf(t: mpf) -> mpf:
    x = mp.sqrt((1 + t) / 2)
    return mp.erf(x) / x


@pytest.mark.parametrize(("stored", "function"), [(ERFCX, _erfcx), (ERF, _erf)], ids=["x", "erf"])
def test_chebyshev_coefficients(stored: tuple[float, ...], function: Callable[[mpf], mpf]) -> None:
    with mp.workdps(60):
        made = _chebyshev(function, len(stored) + 1)
        for kept, again in zip(stored, made, strict=False):
            assert abs(kept - again) <= mpf(2) ** -52 * abs(again) + mpf(10) ** -19
        assert abs(made[-1]) < 1e-17, "a term that counts was left out"


def test_tanhshrink_series() -> None:
    """u - tanh(u) by Bernoulli numbers: -2^2n (2^2n - 1) B_2n / (2n)! u^(2n-1), n >= 2."""
    assert len(TANHSHRINK) == 23
    for index, kept in enumerate(TANHSHRINK):
        n = index + 2
        again = -(mpf(4) ** n) * (mpf(4) ** n - 1) * mp.bernoulli(2 * n) / mp.fac(2 * n)
        assert abs(kept - again) <= 4 * 2.0**-52 * abs(again)
