"""Does a model compute the function its checkpoint was trained with? GELU is not GELU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from actlas.errors import ActlasError, nearest
from actlas.surgery.identification.calls import undisturbed
from actlas.surgery.identification.curves import Array, grid
from actlas.surgery.identification.lookup import identify
from actlas.surgery.identification.match import EXACT
from actlas.surgery.identification.names import named_subject
from actlas.surgery.identification.pairs import Pair
from actlas.surgery.identification.probe import Subject, probe
from actlas.surgery.identification.table import config_keys

# Two dialects of one function lie nearer than this: GELU and QuickGELU 0.020, the two hard sigmoids
# 0.083; GELU and ReLU, two functions, 0.17.
KIN = 0.1


class DialectWarning(UserWarning):
    """A model computes another dialect of a function than its checkpoint was trained with."""


@dataclass(frozen=True)
class Site:
    """One activation module of a model, compared with the function that was expected.

    Attributes:
        path: where it stands in the model.
        text: what it computes, as `identify` says it.
        difference: the largest difference from the expected function on [-10, 10].
    """

    path: str
    text: str
    difference: float

    @property
    def agrees(self) -> bool:
        """Whether it computes the expected function."""
        return self.difference <= EXACT

    @property
    def is_kin(self) -> bool:
        """Whether it computes another dialect of the expected function."""
        return not self.agrees and self.difference <= KIN


def check_dialect(
    expected: Any, model: nn.Module, *, library: str | None = None
) -> tuple[Site, ...]:
    """Return what a model's activation modules compute, and warn where it is the wrong dialect.

    Functions that a model calls in its forward methods are not seen, its modules are.

    Args:
        expected: what the checkpoint was trained with: a name ("hf:gelu_new"), a module or
            function, or a configuration, an object or mapping with hidden_act or a like key.
        model: the model, or one activation module.
        library: whose names the configuration uses; transformers' where none is given.

    Warns:
        DialectWarning: where a module lies near the expected function without being it, or no
            module is the expected function.

    Raises:
        ActlasError: if `expected` names no function of one number.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     sites = check_dialect("jax:gelu", nn.Sequential(nn.Linear(2, 2), nn.GELU()))
    >>> print(told[0].message)
    1: computes gelu, but the checkpoint expects jax:gelu (0.000473 apart at most)
    """
    if not isinstance(model, nn.Module):
        raise ActlasError(f"a model is a torch.nn.Module, got {type(model).__name__}")
    wanted = _expected(expected, library)
    with undisturbed():
        sites = tuple(_sites(wanted, model))
    for text in _complaints(wanted.label, sites):
        warnings.warn(text, DialectWarning, stacklevel=2)
    return sites


def _complaints(label: str, sites: tuple[Site, ...]) -> Iterator[str]:
    kin = [site for site in sites if site.is_kin]
    for text, difference in dict.fromkeys((site.text, site.difference) for site in kin):
        paths = [site.path or "the module" for site in kin if site.text == text]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield (f"{paths[0]}{more}: computes {text}, but the checkpoint expects {label} "
               f"({difference:.3g} apart at most)")  # fmt: skip
    if not kin and not any(site.agrees for site in sites):
        found = ", ".join(dict.fromkeys(site.text for site in sites)) or "none of any kind"
        yield f"no module of the model computes {label}; its activation modules: {found}"


def _sites(wanted: Subject, model: nn.Module) -> Iterator[Site]:
    x = grid()
    y = wanted.function(x)
    known: dict[str, tuple[str, float] | None] = {}
    for path, module in model.named_modules():
        if any(True for _ in module.children()) or _has_matrix(module):
            continue
        key = f"{type(module)} {module!r}"
        if key not in known or any(True for _ in module.parameters()):
            known[key] = _seen(module, x, y)
        found = known[key]
        if found is not None:
            yield Site(path, *found)


def _has_matrix(module: nn.Module) -> bool:
    """Say whether a module multiplies by a matrix: a parameter per channel has one long side."""
    return any(p.numel() > max(p.shape, default=1) for p in module.parameters())


def _seen(module: nn.Module, x: Array, y: Array) -> tuple[str, float] | None:
    """Return what a module computes and how far that is from `y`; None if it bends nothing."""
    try:
        subject = probe(module)
    except ActlasError:
        return None
    if isinstance(subject, Pair):
        return None
    found = subject.function(x)
    if _is_affine(x, found):
        return None
    away = np.abs(found - y)
    return identify(module).text, float(np.where(np.isnan(away), np.inf, away).max())


def _is_affine(x: Array, y: Array) -> bool:
    """Say whether the rows are straight lines: those of dropout, scales, frozen batch norms."""
    finite = np.nan_to_num(y)
    slopes = (finite[:, -1:] - finite[:, :1]) / (x[-1] - x[0])
    return bool(np.allclose(finite, finite[:, :1] + slopes * (x - x[0]), EXACT, EXACT))


# -------------------------------------------------------------------------------- what is expected


def _expected(expected: Any, library: str | None) -> Subject:
    if isinstance(expected, str):
        found = named_subject(expected, library, {})
    elif isinstance(expected, nn.Module) or callable(expected):
        found = probe(expected)
    else:
        name, home = _in_config(expected, library)
        found = named_subject(name, home, {})
    if isinstance(found, Pair):
        raise ActlasError(f"{found.label} is a gated unit; give the function of its gate")
    return found


def _in_config(config: Any, library: str | None) -> tuple[str, str]:
    """Return the name of the activation in a configuration, and whose name it is."""
    options = config if isinstance(config, Mapping) else vars(config)
    if options.get("quick_gelu") is True:  # OpenCLIP says it with a switch
        return "quick_gelu", "openclip"
    for key in config_keys():
        value = options.get(key)
        if isinstance(value, str):
            return value, library or "hf"
    hint = nearest("hidden_act", list(map(str, options)))
    raise ActlasError(f"the configuration names no activation function; looked for "
                      f"{', '.join(config_keys())}.{hint}")  # fmt: skip
