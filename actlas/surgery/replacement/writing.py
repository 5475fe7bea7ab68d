"""From plans to changes: children, attributes, calls, flags of the fast path, weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from actlas.surgery.replacement.calls import (
    CallSites,
    Order,
    intercepted,
    original_class,
    registers,
    replaced_class,
)
from actlas.surgery.replacement.changes import MISSING, Change, Class, Item, Scale
from actlas.surgery.replacement.planning import Planned
from actlas.surgery.replacement.scanning import CallSite, sites_of
from actlas.surgery.replacement.sites import Site


def changes_of(model: nn.Module, sites: Sequence[Site], plans: Sequence[Planned]) -> list[Change]:
    """Return the changes that carry out plans, in an order in which they can be made.

    Notes that only now can be written, as on torch.compile, are added to the plans.
    """
    changes: list[Change] = []
    for plan in plans:
        if plan.site.kind == "module":
            changes.append(_child(plan))
        elif plan.site.kind == "attribute":
            changes.extend(_attribute(plan))
    chosen = {id(plan.site) for plan in plans}
    for group in _by_owner([plan for plan in plans if plan.site.kind == "call"]):
        changes.extend(_calls(group, sites, chosen))
    changes.extend(_fast_path(model, plans))
    changes.extend(_weights(plans))
    return changes


def _child(plan: Planned) -> Change:
    site = plan.site
    return Item(site.path, site.owner._modules, site.name, site.old, plan.module)


def _attribute(plan: Planned) -> Iterator[Change]:
    site, own = plan.site, vars(plan.site.owner)
    if not site.of_class and registers(site.owner):
        yield Item(site.path, own, site.name, own[site.name], MISSING)
        yield Item(site.path, site.owner._modules, site.name, MISSING, plan.module)
    else:  # not among the children, which the owner runs itself or the class would hide
        yield Item(site.path, own, site.name, own.get(site.name, MISSING), plan.module)


def _by_owner(plans: Sequence[Planned]) -> list[list[Planned]]:
    groups: dict[int, list[Planned]] = {}
    for plan in plans:
        groups.setdefault(id(plan.site.owner), []).append(plan)
    return list(groups.values())


def _calls(group: list[Planned], sites: Sequence[Site], chosen: set[int]) -> Iterator[Change]:
    """Replace the calls in one module: its class, and the new functions as its children."""
    owner, path = group[0].site.owner, group[0].site.path.rpartition(".")[0]
    attribute = path.rpartition(".")[2]
    cls: type = original_class(owner)
    numbers = {id(found): index for index, found in enumerate(sites_of(cls))}
    names = {id(plan.site.call): plan.site.path.rpartition(".")[2] for plan in group}
    picks = {numbers[key]: name for key, name in names.items()}
    methods = sorted({sites_of(cls)[index].method for index in picks})
    orders = {m: _orders(m, group, names, sites, chosen) for m in methods}
    known = {method: found for method, found in orders.items() if found is not None}
    calls = CallSites(cls, picks, known).train(owner.training)
    for plan in group:
        name = names[id(plan.site.call)]
        yield Item(plan.site.path, calls._modules, name, MISSING, plan.module)
        if plan.site.call and plan.site.call.method not in known:
            plan.notes.append(f"under torch.compile, {plan.site.call.method} runs uncompiled")
    home = owner._modules if registers(owner) else vars(owner)
    yield Item(path, home, attribute, MISSING, calls)
    before: type = type(owner)
    after = replaced_class(before, attribute, tuple((m, m in known) for m in methods))
    yield Class(path, owner, before, after)


def _orders(
    method: str, group: list[Planned], names: dict[int, str], sites: Sequence[Site],
    chosen: set[int],
) -> Order | None:  # fmt: skip
    """Return the new functions in the order of the calls, None if it cannot be known.

    It can where no other code that runs meanwhile calls the old function, and each of the places
    is passed once, or all of them have equal functions without parameters.
    """
    owner, found = group[0].site.owner, Order()
    done = intercepted(owner)
    plans = {id(plan.site.call): plan for plan in group}
    for function in {p.site.old for p in group if p.site.call and p.site.call.method == method}:
        places = [
            site for site in sites_of(original_class(owner))
            if site.method == method and site.function is function
            and (site.code, site.call and site.call.offsets.start) not in done
        ]  # fmt: skip
        if any(p.problem for p in places) or _elsewhere(method, places[0], owner, sites, chosen):
            return None
        order = _order(places, names, plans)
        if order is None:
            return None
        found[function] = order
    return found


def _order(
    places: list[CallSite], names: dict[int, str], plans: dict[int, Planned]
) -> tuple[str | None, ...] | None:
    order = tuple(names.get(id(place)) for place in places)
    modules = [plans[id(place)].module for place in places if id(place) in plans]
    plain = not any(any(True for _ in m.state_dict()) for m in modules if m)
    if len(places) == 1 or (plain and None not in order and len(set(map(repr, modules))) == 1):
        return order[:1]
    return (
        order
        if all(place.call and place.call.straight and place.direct for place in places)
        else None
    )


def _elsewhere(
    method: str, place: CallSite, owner: nn.Module, sites: Sequence[Site], chosen: set[int]
) -> bool:
    """Say whether other code below `owner` calls the function, and is not replaced itself."""
    below = {id(module): module for module in owner.modules()}
    for site in sites:
        here = site.owner is owner and site.call is not None and site.call.method == method
        same = site.entry is place.entry and id(site.owner) in below
        if same and not here and id(site) not in chosen:
            return True
    known = {id(site.owner) for site in sites}
    hidden = [module for key, module in below.items() if key not in known]
    return any(found.entry is place.entry for m in hidden for found in sites_of(type(m)))


def _fast_path(model: nn.Module, plans: Sequence[Planned]) -> Iterator[Change]:
    """Turn off the kernel of nn.TransformerEncoderLayer, which has ReLU and GELU built in."""
    for plan in {id(plan.site.owner): plan for plan in reversed(plans)}.values():
        owner, own = plan.site.owner, vars(plan.site.owner)
        if not own.get(_FLAG):
            continue
        plan.notes.append("PyTorch's fast path, which would ignore it, is off for this layer")
        yield Item(plan.site.path, own, _FLAG, own[_FLAG], 0)
        for module in model.modules():
            nested = isinstance(module, nn.TransformerEncoder) and owner in module.layers
            if nested and vars(module).get("use_nested_tensor"):
                yield Item(plan.site.path, vars(module), "use_nested_tensor", True, False)


_FLAG = "activation_relu_or_gelu"


def _weights(plans: Sequence[Planned]) -> Iterator[Change]:
    """Scale each weight once; a layer that feeds several functions keeps its scale."""
    factors: dict[int, set[float]] = {}
    for plan in plans:
        if plan.weight is not None and plan.factor is not None:
            factors.setdefault(id(plan.weight), set()).add(plan.factor)
    seen: set[int] = set()
    for plan in plans:
        if plan.weight is None or plan.factor is None:
            continue
        if len(factors[id(plan.weight)]) > 1:
            plan.factor = None
            plan.notes.append("not rescaled: the layer before it feeds functions of other gains")
        elif id(plan.weight) not in seen:
            seen.add(id(plan.weight))
            yield Scale(plan.site.path, plan.weight, plan.factor)
