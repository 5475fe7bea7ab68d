"""C: one precision per file, chosen by `-DACTLAS_FLOAT`; no library but libm."""

from __future__ import annotations

from fractions import Fraction

from actlas.backends.printer import INFIX, Language
from actlas.backends.tables import TANHSHRINK

_LIBM = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "atan", "asinh", "sin", "cos", "erf",
         "erfc")  # fmt: skip
_ONE = ("sign", "sigmoid", "softplus", "sech2", "tanhshrink", "lorentz", "softsign", "rabs",
        "hypot1", "rhyp", "isru", "ncdf", "npdf", "clip_low", "clip_high", "at_low",
        "at_high")  # fmt: skip
_TWO = ("max", "min", "damp", "logaddexp", "nan_like")

_SHRINK = ", ".join(f"R({c!r})" for c in TANHSHRINK)
RUNTIME = f"""\
#include <float.h>
#include <math.h>
#ifdef ACTLAS_FLOAT
typedef float real;
#define R(number) number##f
#define M(function) function##f
#define REAL_MAX FLT_MAX
#else
typedef double real;
#define R(number) number
#define M(function) function
#define REAL_MAX DBL_MAX
#endif
#define ONE static inline real
ONE r_sign(real u) {{ return (real)((u > 0) - (u < 0)); }}
ONE r_max(real u, real v) {{ return u != u || u > v ? u : v; }}
ONE r_min(real u, real v) {{ return u != u || u < v ? u : v; }}
ONE r_damp(real u, real v) {{ return u == 0 || v == 0 ? 0 : u * v; }}
ONE r_logaddexp(real u, real v) {{ return r_max(u, v) + M(log1p)(M(exp)(-M(fabs)(u - v))); }}
ONE r_sigmoid(real u) {{ real e = M(exp)(-M(fabs)(u)); return (u < 0 ? e : 1) / (1 + e); }}
ONE r_softplus(real u) {{ return r_max(u, 0) + M(log1p)(M(exp)(-M(fabs)(u))); }}
ONE r_sech2(real u) {{ real e = M(exp)(-2 * M(fabs)(u)); return 4 * e / ((1 + e) * (1 + e)); }}
ONE r_tanhshrink(real u) {{
  static const real c[] = {{{_SHRINK}}};
  if (!(M(fabs)(u) < R(0.6))) return u - M(tanh)(u);
  real s = 0;
  for (int k = sizeof c / sizeof *c - 1; k >= 0; k--) s = s * u * u + c[k];
  return s * u * u * u;
}}
ONE r_lorentz(real u) {{ return 1 / (1 + u * u); }}
ONE r_softsign(real u) {{ return u / (1 + M(fabs)(u)); }}
ONE r_rabs(real u) {{ return 1 / (1 + M(fabs)(u)); }}
ONE r_hypot1(real u) {{ return M(hypot)(1, u); }}
ONE r_rhyp(real u) {{ return 1 / M(hypot)(1, u); }}
ONE r_isru(real u) {{ return u / M(hypot)(1, u); }}
ONE r_ncdf(real u) {{ return R(0.5) * M(erfc)(-u * R(0.70710678118654752440)); }}
ONE r_npdf(real u) {{ return R(0.39894228040143267794) * M(exp)(R(-0.5) * u * u); }}
ONE r_sphj(int n, real u) {{
  if (M(fabs)(u) < n + 2) {{
    real term = 1, sum;
    for (int k = 1; k <= n; k++) term *= u / (2 * k + 1);
    sum = term;
    for (int k = 1; k < 16 + 2 * n; k++) {{
      term *= -u * u / 2 / (k * (2 * k + 2 * n + 1));
      sum += term;
    }}
    return sum;
  }}
  real before = M(cos)(u) / u, now = M(sin)(u) / u;
  for (int k = 0; k < n; k++) {{
    real next = (2 * k + 1) / u * now - before;
    before = now; now = next;
  }}
  return now;
}}
ONE r_nan_like(real x, real y) {{ return x != x ? x : y; }}
ONE r_clip_low(real u) {{ return u < -REAL_MAX ? -REAL_MAX : u; }}
ONE r_clip_high(real u) {{ return u > REAL_MAX ? REAL_MAX : u; }}
static inline int r_at_low(real u) {{ return u < -REAL_MAX; }}
static inline int r_at_high(real u) {{ return u > REAL_MAX; }}
"""


def _number(value: Fraction) -> str:
    return f"(real)({float(value)!r})"


C = Language(
    name="c",
    templates={
        **INFIX,
        **{op: f"M({op})({{0}})" for op in _LIBM},
        **{op: f"r_{op}({{0}})" for op in _ONE},
        **{op: f"r_{op}({{0}}, {{1}})" for op in _TWO},
        "abs": "M(fabs)({0})", "powr": "M(pow)({0}, {1})", "sphj": "r_sphj({n}, {0})",
    },
    number=_number,
    assign="  const real {name} = {value};\n",
    function="real {name}({arguments}) {{\n{body}  return {result};\n}}\n",
    argument="real {name}",
    runtime=RUNTIME,
    unused="  (void){name};\n",
    keywords="auto break case char const continue default do double else enum extern float for "
             "goto if inline int long register restrict return short signed sizeof static struct "
             "switch typedef union unsigned void volatile while main real R M ONE REAL_MAX",
)  # fmt: skip
