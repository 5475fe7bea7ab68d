"""The page's parser against the library's: the same formulas pass, with the same values."""

from __future__ import annotations

import json
import random
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlas.backends import numpy as numpy_backend
from actlas.catalogue._registry import _check_comparisons
from actlas.errors import ActlasError
from actlas.explorer import _page
from actlas.explorer._curves import generated
from actlas.expr import Expr
from actlas.expr.parse import parse
from actlas.expr.primitives import VOCABULARY
from tests.support.runners import node

pytestmark = pytest.mark.skipif(node() is None, reason="no node on this machine")
STATIC = Path(_page.__file__).parent / "static"
X, A = (-1.3, 0.7, 2.1), 0.6

_RUN = """
import { readFileSync } from "node:fs";
import { parse } from "./parse.js";
const read = (text) => {
  try {
    const { f, names } = parse(text);
    if (names.some((name) => name !== "a")) return "unknown name";
    return { values: XS.map((x) => String(f(x, names.map(() => A)))) };
  } catch (fault) {
    if (fault.column === undefined) return `crashed: ${fault}`;
    const inside = fault.column >= 1 && fault.column <= text.length + 1;
    return inside ? fault.message : `outside: ${fault.message}`;
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync("texts.json", "utf8")).map(read)));
"""


def in_javascript(texts: list[str], folder: Path, *, old: str = "", new: str = "") -> list[Any]:
    """Read formulas with the page's parser, in which `old` stands as `new`."""
    for name in ("parse.js", "dom.js"):
        module = (STATIC / name).read_text(encoding="utf-8")
        (folder / name).write_text(module.replace(old, new) if old else module, encoding="utf-8")
    (folder / "catalogue.js").write_text(generated([]), encoding="utf-8")
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    setting = f"const XS = {list(X)}, A = {A};\n"
    (folder / "run.js").write_text(setting + _RUN, encoding="utf-8")
    done = subprocess.run([str(node()), "run.js"], cwd=folder, capture_output=True, text=True,
                          check=True, timeout=60)  # fmt: skip
    found: list[Any] = json.loads(done.stdout)
    return found


@cache
def in_python(text: str) -> Expr | None:
    """Return the expression, or None where the library refuses the formula."""
    try:
        root = parse(text, frozenset({"x", "a"}))
        _check_comparisons(root)
    except ActlasError:
        return None
    return root


def disagreements(texts: list[str], found: list[Any]) -> list[tuple[str, Any]]:
    """Return the formulas that one of the two refuses, or that come out otherwise."""
    wrong: list[tuple[str, Any]] = []
    for text, read in zip(texts, found, strict=True):
        root = in_python(text)
        if (root is None) != isinstance(read, str) or str(read).startswith(("crashed", "outside")):
            wrong.append((text, read))
        elif root is not None:
            tape = numpy_backend.compiled(root, ("x", "a"))
            wanted = numpy_backend.run(tape, np.array(X), np.full(len(X), A))
            values = np.array([float(v.replace("Infinity", "inf")) for v in read["values"]])
            both = np.isfinite(wanted) & np.isfinite(values)
            if not np.allclose(values[both], wanted[both], rtol=1e-9, atol=1e-12):
                wrong.append((text, read))
    return wrong


_PIECES = [*VOCABULARY, "x", "a", "pi", "e", "(", ")", "(", ")", ",", "+", "-", "*", "/", "**",
           "^", "<", ">=", " ", "0", "1", "2", ".5", "1e-5", "64", "\n", "é", "=",
           "1e301"]  # fmt: skip
_GRAMMAR = ["{0} + {1}", "{0} - {1}", "{0}*{1}", "{0}/{1}", "-{0}", "({0})", "({0})**2", "{0}^-1",
            "where({0} < {1}, {1}, {0})", "clamp({0}, -1, 1)", "max({0}, {1})"]  # fmt: skip


def texts_to_read() -> list[str]:
    """Return random strings of words, most of them nonsense, and formulas, most of them good."""
    chance = random.Random(7)
    nonsense = ["".join(chance.choices(_PIECES, k=chance.randint(1, 7))) for _ in range(900)]
    one = [f"{word}({{0}})" for word in VOCABULARY if word not in ("where", "clamp", "max")]
    grown = ["x", "a", "1.5", "x", "pi*x", "2"]
    for _ in range(420):
        form = chance.choice(_GRAMMAR if chance.random() < 0.6 else one)
        grown.append(form.format(chance.choice(grown[:90]), chance.choice(grown[:30])))
    return [text for text in nonsense + grown if text.strip() and len(text) < 400]


def test_both_parsers_read_the_same_formulas(tmp_path: Path) -> None:
    texts = texts_to_read()
    found = in_javascript(texts, tmp_path)
    assert disagreements(texts, found) == []
    assert sum(isinstance(read, dict) for read in found) > 200
    assert sum(isinstance(read, str) for read in found) > 500


@pytest.mark.parametrize(
    ("old", "new"),
    [('"-": (a, b) => a - b', '"-": (a, b) => b - a'), ("a ** exponent", "a * exponent"),
     ('if (this.now.kind !== "end")', "if (false)"),
     ("yes.f(x, p) : no.f", "no.f(x, p) : yes.f")],
    ids=["minus", "power", "rest", "where"],
)  # fmt: skip
def test_a_fault_in_the_parser_is_seen(tmp_path: Path, old: str, new: str) -> None:
    texts = texts_to_read()
    assert old in (STATIC / "parse.js").read_text(encoding="utf-8")
    assert disagreements(texts, in_javascript(texts, tmp_path, old=old, new=new))
