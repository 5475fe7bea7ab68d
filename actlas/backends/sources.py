"""Functions as source text to copy, by the name of the language."""

from __future__ import annotations

from collections.abc import Sequence

from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.latex import to_latex
from actlas.backends.printer import Language, print_function
from actlas.backends.python import JAX, NUMPY, TORCH
from actlas.errors import ActlasError, nearest
from actlas.expr import Expr

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (C, JAVASCRIPT, TORCH, NUMPY, JAX)
}


def source(
    root: Expr, inputs: Sequence[str], name: str, language: str, usual: Sequence[float] = ()
) -> str:
    """Return `root` as a function called `name`, with the few lines of runtime it calls."""
    if language == "latex":
        return to_latex(root)
    if language not in LANGUAGES:
        known = [*LANGUAGES, "latex"]
        raise ActlasError(f"there is no printer for {language!r}; there are "
                          f"{', '.join(known)}.{nearest(language, known)}")  # fmt: skip
    chosen = LANGUAGES[language]
    printed = print_function(chosen, root, inputs, name, usual)
    return f"{chosen.runtime_for(printed)}\n{printed}"
