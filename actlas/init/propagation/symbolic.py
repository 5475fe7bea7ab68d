"""Tracing with torch.fx: modules stay whole where they have a rule, example or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from actlas.init.propagation.care import KINDS, untouched
from actlas.init.propagation.graph import Traced
from actlas.init.propagation.inputs import Inputs
from actlas.init.propagation.modules import is_known
from actlas.init.propagation.shapes import Shapes, has_tensors, propagate_shapes
from actlas.nn._module import ElementwiseModule


class _Tracer(fx.Tracer):
    """Goes into every module but those with a rule, and closes those whose code resists."""

    proxy_buffer_attributes = True

    def __init__(self, leaves: tuple[type[nn.Module], ...]) -> None:
        super().__init__()
        self.leaves = leaves
        self.closed: list[str] = []

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        known = isinstance(module, (ElementwiseModule, *self.leaves)) or is_known(module)
        single = super().is_leaf_module(module, path) and not any(module.children())
        return known or single

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        before = len(self.graph.nodes)
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return super().call_module(m, forward, args, kwargs)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:  # the code of the innermost module that resists
            for node in list(self.graph.nodes)[before:][::-1]:
                self.graph.erase_node(node)
            self.closed.append(path)
            return self.create_proxy("call_module", path, args, kwargs)


def by_fx(
    model: nn.Module,
    inputs: Inputs | None,
    given: Mapping[str, Any],
    leaves: tuple[type[nn.Module], ...],
) -> Traced:
    """Return the graph of a model by symbolic tracing, or raise whatever its code raises."""
    tracer, modules = _Tracer(leaves), dict(model.named_modules())
    with untouched(model):
        model.train()
        if tracer.is_leaf_module(model, ""):
            graph, given = _single(inputs)
        else:
            concrete = {name: value for name, value in given.items() if not has_tensors(value)}
            graph = tracer.trace(model, concrete_args=concrete)
        met = {name: value for name, value in vars(model).items() if name not in KINDS}
    constants, named, entered = {}, {}, set()
    for node in graph.nodes:
        if node.op == "get_attr":
            name = str(node.target)
            constants[node.name] = _attribute(model, name) if name not in met else met[name]
        elif node.op == "placeholder" and str(node.target) in given:
            named[node.name] = given[str(node.target)]
        entered.add(str(node.target))
    with untouched(model):
        model.eval()
        told = Shapes() if inputs is None else propagate_shapes(graph, modules, constants, named)
    closed = tuple(path for path in tracer.closed if path in entered and _weighs(modules[path]))
    return Traced(graph, modules, constants, named, told.shapes, told.values, closed)


def _single(inputs: Inputs | None) -> tuple[fx.Graph, dict[str, Any]]:
    """Return the graph of a model that is itself a single layer."""
    graph, call = fx.Graph(), inputs or Inputs()
    args = [graph.placeholder(f"input_{i}") for i in range(len(call.args) or 1)]
    given = {str(node.target): value for node, value in zip(args, call.args, strict=False)}
    graph.output(graph.call_module("", tuple(args), dict(call.kwargs)))
    return graph, given


def _attribute(model: nn.Module, path: str) -> Any:
    found: Any = model
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _weighs(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters())
