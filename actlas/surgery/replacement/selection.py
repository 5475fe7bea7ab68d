"""Which places a user means by a type, a name, a path or a predicate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Union

from torch import nn

from actlas.catalogue import Definition, find, load
from actlas.errors import ActlasError, nearest
from actlas.nn.structured import find_unit
from actlas.surgery.identification.curves import variants
from actlas.surgery.replacement.functions import class_entry, classes, form_of
from actlas.surgery.replacement.probing import POINTS, at_points, equal
from actlas.surgery.replacement.sites import Site

Test = Callable[[Site], bool]
Where = Union[str, Sequence[str], Test, None]
_WILD = "*?["


@dataclass(frozen=True)
class Selector:
    """What a user called an old function, as a test of sites; `label` is for messages."""

    label: str
    test: Test


def selector(old: Any, sites: Sequence[Site]) -> Selector:
    """Return what `old` selects.

    Args:
        old: a module class, a name of the catalogue, a path or pattern, a function of PyTorch, a
            module of the model, an `actlas.Activation`, or a predicate of sites.
        sites: all places in the model.

    Raises:
        ActlasError: if it is none of these, or two of them at once.
    """
    if isinstance(old, str):
        return _named(old, sites)
    if inspect.isclass(old):
        return _typed(old)
    if isinstance(old, nn.Module):
        return Selector(f"this {type(old).__name__}", lambda site: site.old is old)
    definition = getattr(old, "definition", None)
    if isinstance(definition, Definition):
        return _computing(definition, dict(old.values), definition.name)
    form = form_of(old)
    if form is not None:
        return _computing(form.entry, None, form.entry.name)
    if callable(old):
        return Selector("the predicate", _predicate(old))
    raise ActlasError(f"cannot replace {old!r}: give a module class, a name of the catalogue, a "
                      f"path or pattern, a function of PyTorch or a predicate")  # fmt: skip


def _named(text: str, sites: Sequence[Site]) -> Selector:
    if any(letter in text for letter in _WILD):
        return Selector(f"the pattern {text!r}", _among(lambda s: fnmatchcase(s.path, text)))
    at_path = [site for site in sites if site.path == text]
    known = _catalogued(text)
    if known is None and at_path:
        _need_function(at_path[0].old, f"{text} is")
        return Selector(f"the path {text!r}", lambda site: site.path == text)
    if known is None:
        names = [n for e in load().values() for n in (e.name, e.title, *e.aliases)]
        hint = nearest(text, [*names, *(site.path for site in sites)])
        raise ActlasError(f"{text!r} is neither a function of the catalogue nor a path in the "
                          f"model.{hint}")  # fmt: skip
    for site in at_path:
        if not known.test(site):
            raise ActlasError(
                f"{text!r} is ambiguous: it names the function and also the path of a "
                f"{site.function}; write actlas.get({text!r}) for the function, or a pattern such "
                f"as '[{text[0]}]{text[1:]}' for the path"
            )
    return known


def _catalogued(text: str) -> Selector | None:
    unit = find_unit(text)
    if unit is not None:
        return _typed(unit.cls)
    try:
        entry = find(text)
    except ActlasError:
        return None
    return _computing(entry, None, entry.name)


def _typed(cls: type) -> Selector:
    if not issubclass(cls, nn.Module):
        raise ActlasError(f"{cls.__name__} is no module class; the functions of a model are named "
                          f"by a class such as nn.ReLU or by a name such as 'relu'")  # fmt: skip
    _need_function(cls, f"{cls.__name__} is")
    entry = class_entry(cls)

    def test(site: Site) -> bool:
        if isinstance(site.old, nn.Module) and isinstance(site.old, cls):
            return class_entry(type(site.old)) is entry
        return entry is not None and computes(site, entry, None)

    return Selector(cls.__name__, test)


def _need_function(what: Any, who: str) -> None:
    """Refuse PyTorch's layers: a Linear is no function that another one could stand in for."""
    cls = what if inspect.isclass(what) else type(what)
    base = next((b for b in cls.__mro__ if b.__module__.startswith("torch.nn.")), None)
    if base in (None, nn.Module) or base in classes() or "activation" in base.__module__:
        return
    raise ActlasError(f"{who} a layer of PyTorch ({base.__name__}) and no activation function")


def _computing(entry: Definition, parameters: Any, label: str) -> Selector:
    return Selector(label, lambda site: computes(site, entry, parameters))


def computes(site: Site, entry: Definition, parameters: dict[str, Any] | None) -> bool:
    """Say whether a site's function is `entry`: at these parameters, or at any where None."""
    if site.entry is None or len(entry.inputs) != 1:
        return False
    if parameters is None and site.entry is entry:
        return True
    learned = isinstance(site.old, nn.Module) and any(True for _ in site.old.parameters())
    if site.parameters is None or learned:
        return False
    found = at_points(site.entry, site.parameters)
    wanted = variants(entry) if parameters is None else iter([parameters])
    return any(equal(found, at_points(entry, other)) for other in wanted)


def _among(test: Test) -> Test:
    """Restrict a test to known functions; the identity is a placeholder and not meant."""

    def known(site: Site) -> bool:
        return site.entry is not None and not is_identity(site) and test(site)

    return known


def is_identity(site: Site) -> bool:
    """Say whether a site's function gives back its input: a placeholder, as a rule."""
    if site.entry is None or site.parameters is None:
        return False
    return equal(at_points(site.entry, site.parameters), POINTS)


def _predicate(given: Callable[[Site], Any]) -> Test:
    def test(site: Site) -> bool:
        answer = given(site)
        if not isinstance(answer, bool):
            raise ActlasError(f"a predicate answers True or False for a site, got {answer!r} "
                              f"for {site.path}")  # fmt: skip
        return answer

    return _among(test)


def inside(where: Where) -> Test:
    """Return the test for `where`: a pattern or several, or a predicate of sites."""
    if where is None:
        return lambda site: True
    if isinstance(where, str):
        return lambda site: fnmatchcase(site.path, where)
    if callable(where):
        return _predicate(where)
    patterns = tuple(where)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise ActlasError(f"where takes patterns of paths or a predicate, got {where!r}")
    return lambda site: any(fnmatchcase(site.path, pattern) for pattern in patterns)


def counted(
    sites: Sequence[Site], first: int | None, last: int | None, every: int | None
) -> list[Site]:
    """Return the first, the last and every k-th of the sites; all of them if nothing is given."""
    for name, value in (("first", first), ("last", last), ("every", every)):
        wrong = isinstance(value, bool) or not isinstance(value, int) or value < 1
        if value is not None and wrong:
            raise ActlasError(f"{name} must be an integer of 1 or more, got {value!r}")
    if first is last is every is None:
        return list(sites)
    return [
        site
        for place, site in enumerate(sites)
        if place < (first or 0)
        or place >= len(sites) - (last or 0)
        or (every is not None and place % every == 0)
    ]
