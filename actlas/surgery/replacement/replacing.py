"""`replace`: other activation functions in a model that somebody already has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.surgery.replacement.changes import apply_all
from actlas.surgery.replacement.planning import Options, Planned, plan_site
from actlas.surgery.replacement.recipes import Recipe, recipe
from actlas.surgery.replacement.report import Report, Row
from actlas.surgery.replacement.selection import (
    Selector,
    Where,
    counted,
    inside,
    is_identity,
    selector,
)
from actlas.surgery.replacement.sites import Site, collect
from actlas.surgery.replacement.writing import changes_of

_ONLY = {"modules": ("module",), "functions": ("attribute", "call")}


def replace(
    model: nn.Module, functions: Mapping[Any, Any], *, only: str | None = None,
    where: Where = None, first: int | None = None, last: int | None = None,
    every: int | None = None, shared: bool = False, keep_inplace: bool = True,
    per_channel: bool = False, warm_start: bool | float = False, rescale: bool = False,
    dry_run: bool = False,
) -> Report:  # fmt: skip
    """Put other activation functions into a model, in place, wherever the old ones are called.

    An old function is meant in all its forms: as a module, as `F.relu`, `torch.relu`,
    `x.relu()` and as a callable that the model holds. Every place gets a module of its own.

    Args:
        model: any module; what it computes changes, its checkpoints without learned functions
            stay loadable.
        functions: {old: new}. Old is a class (`nn.ReLU`), a name (`"relu"`), a path or pattern
            (`"layer1.*"`), a function of PyTorch, a module of the model, `actlas.get(name, ...)`
            for one with these parameters, or a predicate of a `Site`. New is a name,
            `actlas.get(name, ...)`, a module class, a module to copy, or a factory of a `Site`.
        only: "modules" or "functions", to leave the other forms alone.
        where: a pattern of paths, several, or a predicate of a `Site`; other places are kept.
        first, last, every: the first n, the last n, every k-th place of each old function, in the
            order of the layers.
        shared: a module that stands at several places stays one module.
        keep_inplace: the new function writes into its input where the old one did.
        per_channel: learned parameters get one value per channel of the layer before.
        warm_start: learned parameters start where the new function is the old one; True allows a
            difference of 1e-6 on [-10, 10], a number that difference.
        rescale: weights before each place are multiplied by gain(new) / gain(old).
        dry_run: only say what would be done.

    Returns:
        A report with a row for every place and `.undo()`.

    Raises:
        ActlasError: if an old function is nowhere in the model, if two of them mean the same
            place, or if nothing can be replaced. The model is then as it was.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    >>> report = replace(model, {nn.ReLU: "telu"})
    >>> model[1], len(report.replaced)
    (TeLU(), 1)
    >>> report.undo()
    >>> model[1]
    ReLU()
    """
    options = Options(shared, keep_inplace, per_channel, warm_start, rescale)
    model = _checked(model, functions, only)
    sites = collect(model)
    chosen, matched = _chosen(sites, functions, _narrowed(only, where), (first, last, every))
    plans = _planned(model, chosen, options, dry_run)
    return _carried_out(model, sites, plans, matched, dry_run)


def _carried_out(
    model: nn.Module, sites: Sequence[Site], plans: dict[int, Planned], matched: set[int],
    dry_run: bool,
) -> Report:  # fmt: skip
    """Make the changes of the plans, unless it is a dry run, and report on every site."""
    ready = {plan.site.path: plan for plan in plans.values() if plan.module is not None}
    if not ready and not dry_run:
        raise ActlasError(_nothing(list(plans.values())))
    changes = changes_of(model, sites, list(ready.values()))
    told = [site for site in sites if _told(site, plans)]
    rows = tuple(_row(site, plans.get(id(site)), id(site) in matched) for site in told)
    if not dry_run:
        apply_all(changes)
    modules = {path: plan.module for path, plan in ready.items() if plan.module is not None}
    return Report(rows, dry_run, model, modules, () if dry_run else tuple(changes))


def _nothing(plans: list[Planned]) -> str:
    reasons = dict.fromkeys(f"{plan.site.path or 'the model'}: {plan.reason}" for plan in plans)
    first, *others = reasons
    return f"nothing can be replaced; {first}" + (f"; and {len(others)} more" if others else "")


def _checked(model: Any, functions: Any, only: str | None) -> nn.Module:
    """Return the model behind a compiled one; ActlasError for arguments of the wrong kind."""
    if not isinstance(model, nn.Module):
        raise ActlasError(f"the model must be a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise ActlasError("the model is compiled to TorchScript; replace before scripting")
    if not isinstance(functions, Mapping) or not functions:
        raise ActlasError('say what to replace by what, as in {nn.ReLU: "telu"}')
    if only is not None and only not in _ONLY:
        raise ActlasError(f"only is {' or '.join(map(repr, _ONLY))}, got {only!r}."
                          f"{nearest(str(only), _ONLY)}")  # fmt: skip
    return getattr(model, "_orig_mod", model)  # type: ignore[no-any-return]


def _narrowed(only: str | None, where: Where) -> Callable[[Site], bool]:
    kinds = _ONLY[only] if only else sum(_ONLY.values(), ())
    within = inside(where)
    return lambda site: site.kind in kinds and within(site)


Choice = dict[int, tuple[Site, Recipe]]
_LEFT_OUT = "left out by only, where, first, last or every"


def _chosen(
    sites: Sequence[Site], functions: Mapping[Any, Any], narrowed: Callable[[Site], bool],
    numbers: tuple[int | None, int | None, int | None],
) -> tuple[Choice, set[int]]:  # fmt: skip
    """Return the sites that are meant, each with what comes to it, and all that match."""
    chosen: dict[int, tuple[Site, Recipe, Any, str]] = {}
    matched: set[int] = set()
    for old, new in functions.items():
        which, how = selector(old, sites), recipe(new)
        found = _found(which, sites)
        matched |= set(map(id, found))
        for site in counted(_meant(which, found, narrowed), *numbers):
            *_, other, label = chosen.get(id(site), (site, how, new, which.label))
            if other is not new and other != new:
                raise ActlasError(f"{site.path} is meant by {label} and by {which.label}, with "
                                  f"different new functions; narrow one of them")  # fmt: skip
            chosen[id(site)] = site, how, new, which.label
    return {key: (site, how) for key, (site, how, *_) in chosen.items()}, matched


def _found(which: Selector, sites: Sequence[Site]) -> list[Site]:
    found = [site for site in sites if which.test(site)]
    if not found:
        there = Counter(site.function for site in sites if site.entry is not None)
        listed = ", ".join(f"{name} ×{count}" for name, count in there.items()) or "none"
        raise ActlasError(f"nothing matched: the model does not call {which.label}; the functions "
                          f"found in it: {listed}")  # fmt: skip
    return found


def _meant(which: Selector, found: list[Site], narrowed: Callable[[Site], bool]) -> list[Site]:
    meant = [site for site in found if narrowed(site)]
    if not meant:
        raise ActlasError(f"nothing matched: {which.label} is called at {len(found)} places, and "
                          f"`only` and `where` leave none of them")  # fmt: skip
    return meant


def _planned(
    model: nn.Module, chosen: Choice, options: Options, dry_run: bool
) -> dict[int, Planned]:
    """Return the plan of every chosen site; a dry run leaves the global random state alone."""
    with torch.random.fork_rng(devices=[], enabled=dry_run):
        plans = {key: plan_site(model, site, how, options) for key, (site, how) in chosen.items()}
    there = {id(module) for module in model.modules()}
    made: dict[int, str] = {}
    shared: dict[int, nn.Module] = {}
    for plan in plans.values():
        if plan.module is None:
            continue
        if options.shared and plan.site.kind == "module":
            plan.module = shared.setdefault(id(plan.site.old), plan.module)
        elif id(plan.module) in there or id(plan.module) in made:
            raise ActlasError(f"{plan.site.path}: the factory gave a module that stands elsewhere "
                              f"too; let it make a new one every time")  # fmt: skip
        made[id(plan.module)] = plan.site.path
    return plans


def _told(site: Site, planned: Mapping[int, Planned]) -> bool:
    """Leave modules that are no known function, and placeholders, out of the report."""
    return id(site) in planned or (site.entry is not None and not is_identity(site))


def _row(site: Site, plan: Planned | None, matched: bool) -> Row:
    old = site.function
    if plan is None:
        reason = _LEFT_OUT if matched else ""
        return Row(site.path, site.kind, old, "", "kept", reason, site.where)
    done = plan.module is not None
    return Row(
        site.path, site.kind, old, plan.recipe.label if done else "",
        "replaced" if done else "refused", plan.reason, site.where, plan.difference,
        plan.same_bits, plan.factor, tuple(plan.notes),
    )  # fmt: skip
