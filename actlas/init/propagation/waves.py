"""Sine networks: a layer in front of a fast wave must keep its argument within one wave."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import fx, nn

from actlas.facts import facts_of
from actlas.init.propagation.elementwise import numbers
from actlas.nn._module import ElementwiseModule


def angular_frequency(node: fx.Node, modules: Mapping[str, nn.Module]) -> float | None:
    """Return the angular frequency of the bounded wave that a node feeds, if it is a fast one.

    A wave is fast if it turns within one standard deviation of a standard normal number: weights
    that make the variance 1 would then hash the signal, so the argument of the sine itself is
    given variance 1 (Sitzmann et al. 2020, section 3.2).
    """
    for user in node.users:
        module = modules.get(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, ElementwiseModule) and module.num_parameters == 1:
            found = _frequency(module)
            if found is not None and found > math.pi / 2:
                return found
    return None


def _frequency(module: ElementwiseModule) -> float | None:
    if len(module.entry.inputs) > 1:
        return None
    facts = facts_of(module.entry, numbers(module))
    if not facts.bounded or any(tail.kind != "oscillates" for tail in facts.tails):
        return None
    low, high = facts.range
    return 2 * facts.lipschitz / (high - low)
