"""The one list of functions: filled by the decorator, searched by everybody."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from actlas.catalogue._definition import Definition, Parameter
from actlas.catalogue._paper import USER, Claim, Paper
from actlas.errors import ActlasError, nearest
from actlas.expr import Expr, symbols, walk
from actlas.expr.lint import unsafe_forms
from actlas.expr.parse import parse
from actlas.expr.primitives import COMPARISONS
from actlas.expr.text import to_text

_entries: dict[str, Definition] = {}
_by_folded: dict[str, str] = {}
_INPUTS = ("x", "y")


def fold(name: str) -> str:
    """Return the form under which names are compared: no case, no separators.

    >>> fold("Leaky-ReLU"), fold("leaky_relu")
    ('leakyrelu', 'leakyrelu')
    """
    return re.sub(r"[\W_]", "", name).lower()


def activation(
    *,
    paper: Paper,
    title: str = "",
    aliases: Sequence[str] = (),
    claims: Sequence[Claim] = (),
    reconstructed: str = "",
    collisions: Sequence[str] = (),
    errata: Sequence[str] = (),
    tags: Sequence[str] = (),
    formula: Callable[..., Expr] | None = None,
) -> Callable[[Callable[..., Expr]], Definition]:
    """Enter the decorated formula into the catalogue.

    The signature declares the parameters, the docstring is the one-sentence description, the body
    is the formula. `formula` keeps the paper's own form where the body is rewritten for
    stability; `reconstructed` says why a formula or default could not be read in its paper.
    """

    def enter(body: Callable[..., Expr]) -> Definition:
        if not body.__module__.startswith(f"{__package__}."):
            load()  # else a name taken here would collide with the family file that owns it
        entry = Definition(
            name=body.__name__, title=title or _title(body.__name__),
            family=_family(body, paper), description=_sentence(body), body=body,
            inputs=_inputs(body), parameters=_parameters(body), paper=paper,
            aliases=tuple(aliases), claims=tuple(claims),
            status=_status(paper, reconstructed), status_reason=reconstructed,
            collisions=tuple(collisions), errata=tuple(errata), tags=frozenset(tags),
            formula=formula, place=_place(body),
        )  # fmt: skip
        return register(entry)

    return enter


def _family(body: Callable[..., Expr], paper: Paper) -> str:
    return "user" if paper is USER else body.__module__.rpartition(".")[2]


def _status(paper: Paper, reconstructed: str) -> str:
    if paper is USER:
        return "user"
    return "reconstructed" if reconstructed else "verified"


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _place(body: Callable[..., Expr]) -> str:
    code = body.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _sentence(body: Callable[..., Expr]) -> str:
    text = inspect.cleandoc(body.__doc__ or "")
    if not text or "\n\n" in text:
        raise ActlasError(f"{body.__name__} ({_place(body)}): the docstring must be one sentence")
    return " ".join(text.split())


def _inputs(body: Callable[..., Expr]) -> tuple[str, ...]:
    signature = inspect.signature(body).parameters
    return tuple(n for n, p in signature.items() if p.default is inspect.Parameter.empty)


def _parameters(body: Callable[..., Expr]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for name, argument in inspect.signature(body).parameters.items():
        if argument.default is inspect.Parameter.empty:
            continue
        if not isinstance(argument.default, Parameter):
            raise ActlasError(f"{body.__name__} ({_place(body)}): write {name}=fixed(...) or "
                              f"{name}=learnable(...)")  # fmt: skip
        found[name] = replace(argument.default, name=name)
    return found


def register(entry: Definition) -> Definition:
    """Check an entry and put it into the catalogue; ActlasError names entry, place and repair."""
    try:
        _check_inputs(entry)
        _check_source(entry)
        _check_names(entry)
        _check_parameters(entry)
        _check_formula(entry)
    except ActlasError as error:
        raise ActlasError(f"{entry.name} ({entry.place}): {error}") from None
    _entries[entry.name] = entry
    for name in (entry.name, entry.title, *entry.aliases):
        _by_folded[fold(name)] = entry.name
    return entry


def forget(name: str) -> None:
    """Take an entry out again: for functions defined at run time and for tests."""
    entry = _entries.pop(find(name).name)
    for known in (entry.name, entry.title, *entry.aliases):
        _by_folded.pop(fold(known), None)


def _check_inputs(entry: Definition) -> None:
    if entry.inputs not in (_INPUTS[:1], _INPUTS):
        raise ActlasError(f"the inputs must be x, or x and y, not {', '.join(entry.inputs)}")


def _check_source(entry: Definition) -> None:
    if entry.paper is not USER and not (entry.paper.author and entry.paper.year):
        raise ActlasError("the source is missing; give paper=Paper(author, year, ...)")


def _check_names(entry: Definition) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
        raise ActlasError("an id is written in lower_snake_case")
    own = {fold(entry.name), fold(entry.title)}
    for name in (entry.name, entry.title, *entry.aliases):
        owner = _by_folded.get(fold(name))
        if owner is not None:
            yours = f", or actlas.forget({owner!r}) first" if _entries[owner].paper is USER else ""
            raise ActlasError(
                f"the name {name!r} already belongs to {owner}; choose another{yours}"
            )
    folded = [fold(alias) for alias in entry.aliases]
    if len(set(folded) - own) != len(folded):
        raise ActlasError("an alias repeats another name of the entry; remove it")


def _check_parameters(entry: Definition) -> None:
    for name, parameter in entry.parameters.items():
        try:
            parameter.check(parameter.default, "")
        except ActlasError as error:
            raise ActlasError(f"the default of {name} is not in its own domain{error}") from None


def _check_formula(entry: Definition) -> None:
    try:
        root = entry.expression()
        printed = entry.expression(as_printed=True)
    except (TypeError, NameError, AttributeError, ValueError, ArithmeticError) as error:
        raise ActlasError(f"the formula cannot be traced: {error}") from None
    for form in (root, printed):
        if not isinstance(form, Expr):
            raise ActlasError(f"the body must return an expression of x, not {form!r}")
        _check_comparisons(form)
    for form in {root, printed}:
        for missing in {*entry.inputs, *entry.scalars(entry.default_shape)} - symbols(form):
            raise ActlasError(f"{missing!r} is declared but not used; remove it")
    for node, repair in unsafe_forms(root):
        raise ActlasError(f"{to_text(node)} cancels or overflows; write {repair}")


def _check_comparisons(root: Expr) -> None:
    """A comparison is no number: it stands first in `where` and nowhere else."""
    conditions = [node.args[0] for node in walk(root) if node.op == "where"]
    numbers = [child for node in walk(root) for child in node.args[node.op == "where" :]]
    for node in (root, *numbers, *(side for c in conditions for side in c.args)):
        if node.op in COMPARISONS:
            shown = to_text(node)
            raise ActlasError(f"{shown} is a condition, not a number; write where({shown}, 1, 0)")


def load() -> dict[str, Definition]:
    """Return every entry by id, importing the family files on first use."""
    _import_families()
    return _entries


@cache
def _import_families() -> None:
    import actlas.catalogue as package

    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package.__name__}.{module.name}")


def find(name: str) -> Definition:
    """Return the entry called `name`: id, alias or title, in any case, with any separators."""
    if not isinstance(name, str):
        raise ActlasError(f"an activation's name is a string, got {name!r}")
    entries = load()
    found = _by_folded.get(fold(name))
    if found is None:
        known = [*entries, *(alias for entry in entries.values() for alias in entry.aliases)]
        raise ActlasError(f"there is no activation called {name!r}.{nearest(name, known)}")
    return entries[found]


def define(name: str, formula: str, **parameters: Any) -> Definition:
    """Enter a formula typed as text: `define("mine", "x*tanh(exp(a*x))", a=learnable(1.0))`."""
    if not isinstance(name, str):
        raise ActlasError(f"the name of an activation is a string, got {name!r}")
    load()  # a name of the catalogue is taken, whether or not it was used before
    declared = {
        key: replace(value if isinstance(value, Parameter) else Parameter(float(value)), name=key)
        for key, value in _checked(parameters).items()
    }
    root = parse(formula, frozenset({"x", *declared}))
    entry = Definition(
        name=name, title=name, family="user", description=f"Defined at run time as {formula}.",
        body=lambda x, **_: root, inputs=("x",), parameters=declared,
        paper=USER, status="user", place="actlas.define",
    )  # fmt: skip
    return register(entry)


def _checked(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, value in parameters.items():
        if key in _INPUTS or not key.isidentifier():
            raise ActlasError(f"{key!r} cannot be the name of a parameter; choose another")
        number = isinstance(value, (int, float)) and abs(value) <= 1e300
        if isinstance(value, bool) or not (number or isinstance(value, Parameter)):
            raise ActlasError(f"parameter {key} needs a number or learnable(...), got {value!r}")
    return parameters
