"""A traced model: the graph with everything that is known without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn


@dataclass(frozen=True)
class Traced:
    """A graph with everything that is known without running it.

    Args:
        graph: nodes in the order they run.
        modules: the model's modules by path; a call_module node names one.
        constants: the tensors behind nodes, parameters among them, and bodies of blocks.
        given: the example's value of each input node.
        shapes: the shape of each node that is a tensor, where an example tells it.
        told: the value of each node that is no tensor, where an example tells it.
        closed: modules with weights whose code resists tracing; they count as one operation.
        elementwise: filled by walks: which nodes were found to act on each element alone.
    """

    graph: fx.Graph
    modules: Mapping[str, nn.Module]
    constants: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    closed: tuple[str, ...] = ()
    elementwise: dict[str, bool] = field(default_factory=dict)
