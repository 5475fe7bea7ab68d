"""JavaScript: double precision, for the browser and for reports."""

from __future__ import annotations

from fractions import Fraction

from actlas.backends.printer import INFIX, Language
from actlas.backends.tables import ERF, ERFCX, SPLIT, TANHSHRINK

_MATH = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "atan", "asinh", "sin", "cos", "abs",
         "sign")  # fmt: skip
_OWN = ("damp", "logaddexp", "sigmoid", "softplus", "sech2", "tanhshrink", "lorentz", "softsign",
        "rabs", "hypot1", "rhyp", "isru", "erf", "erfc", "ncdf", "npdf", "nan_like",
        "clip_low", "clip_high", "at_low", "at_high")  # fmt: skip

RUNTIME = f"""\
const ERFCX = {list(ERFCX)}, ERF = {list(ERF)}, SHRINK = {list(TANHSHRINK)};
function chebyshev(c, t) {{
  let b1 = 0, b2 = 0;
  for (let k = c.length - 1; k > 0; k--) {{ const b = 2 * t * b1 - b2 + c[k]; b2 = b1; b1 = b; }}
  return t * b1 - b2 + c[0] / 2;
}}
function gauss(u) {{
  if (Math.abs(u) >= 30) return Math.exp(-u * u);
  const h = Math.fround(u);
  return Math.exp(-h * h) * Math.exp(-(u - h) * (u + h));
}}
function erfcRight(u) {{
  return gauss(u) * chebyshev(ERFCX, 1 - 2 * {SPLIT} / (u + {SPLIT})) / (1 + 2 * u);
}}
function erf(u) {{
  if (u !== u) return u;
  if (Math.abs(u) <= 1) return u * chebyshev(ERF, 2 * u * u - 1);
  return Math.sign(u) * (1 - erfcRight(Math.abs(u)));
}}
function erfc(u) {{
  if (u !== u) return u;
  if (Math.abs(u) < 0.5) return 1 - erf(u);
  return u < 0 ? 2 - erfcRight(-u) : erfcRight(u);
}}
function damp(u, v) {{ return u === 0 || v === 0 ? 0 : u * v; }}
function logaddexp(u, v) {{ return Math.max(u, v) + Math.log1p(Math.exp(-Math.abs(u - v))); }}
function sigmoid(u) {{ const e = Math.exp(-Math.abs(u)); return (u < 0 ? e : 1) / (1 + e); }}
function softplus(u) {{ return Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))); }}
function sech2(u) {{ const e = Math.exp(-2 * Math.abs(u)); return 4 * e / ((1 + e) * (1 + e)); }}
function tanhshrink(u) {{
  if (!(Math.abs(u) < 0.6)) return u - Math.tanh(u);
  let s = 0;
  for (let k = SHRINK.length - 1; k >= 0; k--) s = s * u * u + SHRINK[k];
  return s * u * u * u;
}}
function lorentz(u) {{ return 1 / (1 + u * u); }}
function softsign(u) {{ return u / (1 + Math.abs(u)); }}
function rabs(u) {{ return 1 / (1 + Math.abs(u)); }}
function hypot1(u) {{ return Math.abs(u) > 1e9 ? Math.abs(u) : Math.sqrt(1 + u * u); }}
function rhyp(u) {{ return 1 / hypot1(u); }}
function isru(u) {{ return u / hypot1(u); }}
function ncdf(u) {{ return 0.5 * erfc(-u * Math.SQRT1_2); }}
function npdf(u) {{ return gauss(u * Math.SQRT1_2) / Math.sqrt(2 * Math.PI); }}
function sphj(n, u) {{
  if (Math.abs(u) < n + 2) {{
    let term = 1;
    for (let k = 1; k <= n; k++) term *= u / (2 * k + 1);
    let sum = term;
    for (let k = 1; k < 16 + 2 * n; k++) {{
      term *= -u * u / 2 / (k * (2 * k + 2 * n + 1));
      sum += term;
    }}
    return sum;
  }}
  let before = Math.cos(u) / u, now = Math.sin(u) / u;
  for (let k = 0; k < n; k++) {{
    const next = (2 * k + 1) / u * now - before;
    before = now; now = next;
  }}
  return now;
}}
function nan_like(x, y) {{ return x !== x ? x : y; }}
function clip_low(u) {{ return Math.max(u, -Number.MAX_VALUE); }}
function clip_high(u) {{ return Math.min(u, Number.MAX_VALUE); }}
function at_low(u) {{ return u === -Infinity; }}
function at_high(u) {{ return u === Infinity; }}
"""


def _number(value: Fraction) -> str:
    shown = repr(float(value))
    return f"({shown})" if value < 0 else shown


JAVASCRIPT = Language(
    name="javascript",
    templates={
        **INFIX,
        **{op: f"Math.{op}({{0}})" for op in _MATH},
        **{op: f"{op}({{0}})" for op in _OWN},
        **{op: f"{op}({{0}}, {{1}})" for op in ("damp", "logaddexp", "nan_like")},
        "max": "Math.max({0}, {1})", "min": "Math.min({0}, {1})",
        "powr": "Math.pow({0}, {1})", "sphj": "sphj({n}, {0})",
    },
    number=_number,
    assign="  const {name} = {value};\n",
    function="function {name}({arguments}) {{\n{body}  return {result};\n}}\n",
    argument="{name}",
    runtime=RUNTIME,
    keywords="arguments await break case catch class const continue debugger default delete do "
             "else enum eval export extends false finally for function if implements import in "
             "instanceof interface let new null package private protected public return static "
             "super switch this throw true try typeof var void while with yield Math Number",
)  # fmt: skip
