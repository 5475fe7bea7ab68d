"""What every printed Triton function may call: the primitives that Triton itself has not.

Short, because a memory-bound kernel leaves about thirty instructions an element, and without a
branch. The polynomials are not typed in: they interpolate NumPy's functions in Chebyshev points
when this module is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Chebyshev, Polynomial, chebyshev, polynomial

from actlas.backends.tables import ERFCX, SPLIT, TANHSHRINK

Array = npt.NDArray[np.floating]
LARGEST = float(np.finfo(np.float32).max)


def interpolate(
    function: Callable[[Array], Array], low: float, high: float, degree: int
) -> tuple[float, ...]:
    """Return the coefficients, lowest first, of the polynomial through the Chebyshev points.

    >>> interpolate(lambda u: 1 + u * u, 0.0, 1.0, 2) == (1.0, 0.0, 1.0)
    False
    >>> [round(c, 12) + 0.0 for c in interpolate(lambda u: 1 + u * u, 0.0, 1.0, 2)]
    [1.0, 0.0, 1.0]
    """
    found = Chebyshev.interpolate(function, degree, domain=[low, high]).convert(kind=Polynomial)
    return tuple(found.coef.tolist())


def horner(coefficients: Sequence[float], variable: str) -> str:
    """Return the source of a polynomial, its coefficients rounded to float32.

    >>> horner([1.0, 0.5, -2.0], "q")
    '((-2.0 * q + 0.5) * q + 1.0)'
    """
    *lower, text = (repr(float(np.float32(c))) for c in coefficients)
    for coefficient in reversed(lower):
        text = f"({text} * {variable} + {coefficient})"
    return text


def _even(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return function(u)/u in the square of u."""
    return lambda square: function(np.sqrt(square)) / np.sqrt(square)


def _scaled_erfc(s: Array) -> Array:
    """Return exp(u*u) erfc(u)/s where u = 1/s - 2."""
    u = 1 / s - 2
    scaled = chebyshev.chebval(1 - 2 * SPLIT / (u + SPLIT), (ERFCX[0] / 2, *ERFCX[1:]))
    return np.asarray(scaled / (1 + 2 * u) / s)


_SHRINK = horner(interpolate(lambda q: polynomial.polyval(q, TANHSHRINK), 0, 0.36, 5), "q")
_EXPM1 = horner(interpolate(lambda u: np.expm1(u) / u, -0.5, 0.5, 7), "u")
_TWO_ATANH = horner(interpolate(lambda q: 2 * _even(np.arctanh)(q), 0, 1 / 9, 5), "q")
_ATAN = horner(interpolate(_even(np.arctan), 0, 1, 9), "q")
_ERFC = horner(interpolate(_scaled_erfc, 1 / 16, 1 / 2, 8), "s")  # erfc(14) is 0 in float32


def _rounded(number: float) -> str:
    return repr(float(np.float32(number)))


RUNTIME = f"""\
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def r_over(u, v):  # two instructions where u / v takes eight; for v below 2**126
    return libdevice.fast_dividef(u, v)


@triton.jit
def r_max(u, v):
    return tl.maximum(u, v, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def r_min(u, v):
    return tl.minimum(u, v, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def r_sign(u):
    return tl.where(u > 0, 1.0, tl.where(u < 0, -1.0, 0.0))


@triton.jit
def r_signed(size, u):
    return tl.where(u < 0, -size, size)


@triton.jit
def r_damp(u, v):
    return tl.where(tl.minimum(tl.abs(u), tl.abs(v)) == 0, 0.0, u * v)


@triton.jit
def r_nan_like(x, y):
    return tl.where(x != x, x, y)


@triton.jit
def r_clip_low(u):
    return r_max(u, {-LARGEST!r})


@triton.jit
def r_clip_high(u):
    return r_min(u, {LARGEST!r})


@triton.jit
def r_at_low(u):
    return u < {-LARGEST!r}


@triton.jit
def r_at_high(u):
    return u > {LARGEST!r}


@triton.jit
def r_exp(u):  # one instruction after the product; tl.exp spends three on subnormal results
    return tl.exp2(u * {_rounded(1 / np.log(2))})


@triton.jit
def r_expm1(u):
    return tl.where(tl.abs(u) < 0.5, u * {_EXPM1}, r_exp(u) - 1.0)


@triton.jit
def r_two_atanh(s):
    q = s * s
    return s * {_TWO_ATANH}


@triton.jit
def r_log1p(u):
    near = r_two_atanh(r_over(u, 2.0 + u))
    return tl.where((u > -0.5) & (u < 1.0), near, tl.log(1.0 + u))


@triton.jit
def r_log1p_exp(u):
    e = r_exp(u)
    return r_two_atanh(r_over(e, 2.0 + e))


@triton.jit
def r_softplus(u):
    return r_max(u, 0.0) + r_log1p_exp(-tl.abs(u))


@triton.jit
def r_logaddexp(u, v):
    return r_max(u, v) + r_log1p_exp(-tl.abs(u - v))


@triton.jit
def r_sigmoid(u):  # e and r are those of softplus(u), sech2(u/2) and tanh(u/2), computed once
    e = r_exp(-tl.abs(u))
    r = r_over(1.0, 1.0 + e)
    return tl.where(u < 0, e * r, r)


@triton.jit
def r_sech2_half(u):
    e = r_exp(-tl.abs(u))
    r = r_over(1.0, 1.0 + e)
    return 4.0 * (e * r) * r


@triton.jit
def r_sech2(u):
    return r_sech2_half(2.0 * u)


@triton.jit
def r_tanh_far(u):
    e = r_exp(-tl.abs(2.0 * u))
    return r_signed(1.0 - 2.0 * (e * r_over(1.0, 1.0 + e)), u)


@triton.jit
def r_shrink_near(u):
    q = u * u
    return u * (q * {_SHRINK})


@triton.jit
def r_tanh(u):
    return tl.where(tl.abs(u) < 0.6, u - r_shrink_near(u), r_tanh_far(u))


@triton.jit
def r_tanhshrink(u):
    return tl.where(tl.abs(u) < 0.6, r_shrink_near(u), u - r_tanh_far(u))


@triton.jit
def r_atan(u):
    size = tl.abs(u)
    beyond = size > 1.0
    v = tl.where(beyond, r_over(1.0, size), size)
    q = v * v
    near = v * {_ATAN}
    return r_signed(tl.where(beyond, {_rounded(np.pi / 2)} - near, near), u)


@triton.jit
def r_hypot1(u):
    size = tl.abs(u)
    near = r_min(size, 1e9)
    return r_max(size, tl.sqrt(1.0 + near * near))


@triton.jit
def r_rhyp(u):
    return r_over(1.0, r_hypot1(u))


@triton.jit
def r_isru(u):
    v = r_max(r_min(u, 1e9), -1e9)
    return v * tl.rsqrt(1.0 + v * v)


@triton.jit
def r_asinh(u):
    size = tl.abs(u)
    v = r_min(size, 1e9)
    near = r_log1p(v + r_over(v * v, 1.0 + r_hypot1(v)))
    return r_signed(tl.where(size > 1e9, tl.log(size) + {_rounded(np.log(2))}, near), u)


@triton.jit
def r_lorentz(u):
    return r_over(1.0, 1.0 + u * u)


@triton.jit
def r_rabs(u):
    return r_over(1.0, 1.0 + tl.abs(u))


@triton.jit
def r_softsign(u):
    v = r_max(r_min(u, 1e30), -1e30)
    return r_over(v, 1.0 + tl.abs(v))


@triton.jit
def r_erfc_right(u):
    s = r_over(1.0, u + 2.0)
    return r_exp(-u * u) * (s * {_ERFC})


@triton.jit
def r_erfc(u):
    right = r_erfc_right(tl.abs(u))
    return tl.where(u < 0, 2.0 - right, right)


@triton.jit
def r_ncdf(u):
    half = 0.5 * r_erfc_right(tl.abs(u) * {_rounded(np.sqrt(0.5))})
    return tl.where(u < 0, half, 1.0 - half)


@triton.jit
def r_npdf(u):
    return {_rounded(np.sqrt(0.5 / np.pi))} * r_exp(-0.5 * u * u)


@triton.jit
def r_sphj(n: tl.constexpr, u):
    near = tl.abs(u) < n + 2
    v = tl.where(near, u, 0.0)
    w = tl.where(near, 1.0, u)
    term = tl.where(near, 1.0, 1.0)
    for k in tl.static_range(1, n + 1):
        term = term * v * (1.0 / (2 * k + 1))
    series = term
    for k in tl.static_range(1, 9 + n):
        term = term * (v * v) * (-0.5 / (k * (2 * k + 2 * n + 1)))
        series = series + term
    before = tl.cos(w) / w
    now = tl.sin(w) / w
    for k in tl.static_range(0, n):
        after = (2 * k + 1) / w * now - before
        before = now
        now = after
    return tl.where(near, series, now)


"""
