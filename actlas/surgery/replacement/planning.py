"""What would be put at each place, worked out before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.surgery.replacement.calls import registers
from actlas.surgery.replacement.probing import Point
from actlas.surgery.replacement.recipes import Recipe, check_shape, finished, neighbour
from actlas.surgery.replacement.recognition import known_module
from actlas.surgery.replacement.rescaling import ratio, weight_before
from actlas.surgery.replacement.sites import Site, known_callable
from actlas.surgery.replacement.warm_start import difference, nearest_start, same_bits

_EQUAL = 1e-6  # what warm_start=True allows on [-10, 10]


@dataclass(frozen=True)
class Options:
    """The options of `replace` that concern what is put at a place."""

    shared: bool = False
    keep_inplace: bool = True
    per_channel: bool = False
    warm_start: bool | float = False
    rescale: bool = False

    def __post_init__(self) -> None:
        wanted = self.warm_start
        if not isinstance(wanted, (int, float)) or not wanted >= 0:
            raise ActlasError(f"warm_start is True, False or the difference allowed, 0 or more; "
                              f"got {wanted!r}")  # fmt: skip

    @property
    def allowed(self) -> float | None:
        """The largest difference a warm start may have, or None without a warm start."""
        if self.warm_start is False:
            return None
        return _EQUAL if self.warm_start is True else float(self.warm_start)


@dataclass
class Planned:
    """What comes to a site: `module`, or None and the `reason` why nothing does."""

    site: Site
    recipe: Recipe
    module: nn.Module | None = None
    reason: str = ""
    difference: float | None = None
    same_bits: bool = False
    weight: nn.Parameter | None = None
    factor: float | None = None
    notes: list[str] = field(default_factory=list)


def plan_site(model: nn.Module, site: Site, how: Recipe, options: Options) -> Planned:
    """Return what comes to a site; a reason instead of a module where nothing can."""
    plan = Planned(site, how, reason=site.problem)
    if site.problem:
        return plan
    try:
        values = _values(site, how, options)
        like = neighbour(site, model)
        module = how.build(site, _options(site, how, values, options, like))
        check_shape(module, site)
        plan.module = finished(module, site, like)
        _need_home(plan)
    except ActlasError as error:
        plan.module, plan.reason = None, str(error)
        return plan
    _compare(plan, values)
    _note(plan, options)
    if options.rescale:
        _rescale(plan, values, model)
    return plan


def _values(site: Site, how: Recipe, options: Options) -> dict[str, Any] | None:
    """Return the parameters a function of the catalogue starts with, warm where asked for."""
    allowed = options.allowed
    if how.entry is None:
        if allowed is not None:
            raise ActlasError(f"a warm start needs a function of the catalogue, not {how.label}")
        return None
    given = how.entry.bind(how.given or {})
    if allowed is None:
        return given
    old = _point(site)
    if old is None:
        raise ActlasError("a warm start needs the parameters of the old function, which are "
                          "not known here")  # fmt: skip
    start = nearest_start(how.entry, tuple(given.items()), old)
    if start.difference > allowed:
        raise ActlasError(
            f"{how.entry.name} cannot start as {site.function} within {allowed:g}: the nearest, "
            f"{_written(how.entry, start.parameters)}, differs by {start.difference:.2g}"
        )
    return dict(start.parameters)


def _written(entry: Definition, parameters: Mapping[str, Any]) -> str:
    """Return "swish(beta=1000)"."""
    inside = ", ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
                       for name, value in parameters.items())  # fmt: skip
    return f"{entry.name}({inside})" if inside else entry.name


def _options(
    site: Site, how: Recipe, values: dict[str, Any] | None, options: Options,
    like: torch.Tensor | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the arguments of a module of the catalogue, its parameters of the kind of `like`."""
    if how.entry is None or values is None:
        return {}
    found = {**values, "inplace": _inplace(site, options)}
    if not how.entry.learns:
        return found
    if like is not None:
        found |= {"device": like.device, "dtype": like.dtype}
    if options.per_channel:
        if site.channels is None:
            raise ActlasError("one value per channel needs their number, and the layer before it "
                              "cannot be read from the code")  # fmt: skip
        spatial = type(site.before).__name__[-2:] in ("1d", "2d", "3d")
        found |= {"num_parameters": site.channels, "channel_dim": 1 if spatial else -1}
    return found


def _inplace(site: Site, options: Options) -> bool:
    """Calls are done in place by what stands in for them, when they ask for it."""
    return site.inplace and options.keep_inplace and site.kind != "call"


def _need_home(plan: Planned) -> None:
    """Refuse learned functions where the owner cannot hold a new child."""
    site, module = plan.site, plan.module
    if module is None or site.kind == "module" or not any(True for _ in module.parameters()):
        return
    if site.of_class or not registers(site.owner):
        kind = type(site.owner).__name__
        raise ActlasError(f"{plan.recipe.label} learns, and {kind} cannot hold a new child: it "
                          f"runs its children itself, or its class holds the function")  # fmt: skip


def _point(site: Site) -> Point | None:
    if site.entry is None or site.parameters is None:
        return None
    return site.entry, tuple(site.parameters.items())


def _new_point(plan: Planned, values: dict[str, Any] | None) -> Point | None:
    if plan.recipe.entry is not None and values is not None:
        return plan.recipe.entry, tuple(values.items())
    known = known_module(plan.module) if plan.module is not None else None
    return None if known is None or known.parameters is None else (
        known.entry, tuple(known.parameters.items()))  # fmt: skip


def _compare(plan: Planned, values: dict[str, Any] | None) -> None:
    old, new = _point(plan.site), _new_point(plan, values)
    if old is None or new is None or plan.module is None:
        return
    plan.difference = difference(new, old)
    if plan.difference <= _EQUAL:
        plan.same_bits = _same(plan)


def _same(plan: Planned) -> bool:
    """Compare copies of old and new on the CPU in single precision."""
    import copy

    old = plan.site.old
    if isinstance(old, nn.Module):
        old = copy.deepcopy(old).to("cpu", torch.float32).eval()
    elif known_callable(old) is None:
        return False
    if plan.module is None or any(p.is_meta or p.numel() > 1 for p in plan.module.parameters()):
        return False
    return same_bits(copy.deepcopy(plan.module).to("cpu", torch.float32).eval(), old)


def _note(plan: Planned, options: Options) -> None:
    site, module = plan.site, plan.module
    parameters = list(module.parameters()) if module else []
    if _inplace(site, options) and not getattr(module, "inplace", False):
        plan.notes.append("no longer in place")
    if parameters and not any(p.requires_grad for p in parameters):
        plan.notes.append("frozen like the layers around it")
    if parameters and site.uses > 1:
        plan.notes.append(f"{site.uses} calls share its parameters")
    hooks = _hooks(site.old)
    if hooks:
        plan.notes.append(f"{hooks} hooks stay with the old module")


def _hooks(old: Any) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(old, kind, ())) for kind in kinds) if isinstance(old, nn.Module) else 0


def _rescale(plan: Planned, values: dict[str, Any] | None, model: nn.Module) -> None:
    old, new = _point(plan.site), _new_point(plan, values)
    try:
        if old is None or new is None:
            raise ActlasError("the gain of the old or the new function is not known")
        plan.factor = ratio(new, old)
        plan.weight = weight_before(plan.site, model)
    except ActlasError as error:
        plan.factor = None
        plan.notes.append(f"not rescaled: {error}")
