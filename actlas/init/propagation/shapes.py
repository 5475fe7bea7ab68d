"""Shapes and sizes in a graph, from a run on fake tensors: nothing is computed or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.node import map_aggregate, map_arg

from actlas.errors import ActlasError
from actlas.init.propagation.modules import is_known


@dataclass(frozen=True)
class Shapes:
    """The shape of each node that is a tensor, and the value of each that holds none."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, result: Any) -> None:
        """Record the result of a node."""
        if isinstance(result, Tensor):
            self.shapes[name] = tuple(result.shape)
        elif not has_tensors(result):
            self.values[name] = result


def has_tensors(value: Any) -> bool:
    """Say whether a tensor stands anywhere in nested values."""
    found: list[bool] = []
    map_aggregate(value, lambda item: found.append(isinstance(item, Tensor)))
    return any(found)


class MisfitError(ActlasError):
    """An example that a layer of the model refuses."""

    def __init__(self, path: Any, error: Exception) -> None:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        super().__init__(f"example_input does not fit the model: layer {path!r} refuses it "
                         f"({reason})")  # fmt: skip


def _is_refusal(error: Exception, module: nn.Module) -> bool:
    """Say whether a layer with a rule fails on tensors that it was really given."""
    return is_known(module) and isinstance(error, (RuntimeError, ValueError, TypeError))


def propagate_shapes(
    graph: fx.Graph,
    modules: Mapping[str, nn.Module],
    constants: Mapping[str, Tensor],
    given: Mapping[str, Any],
) -> Shapes:
    """Return what a run of the graph on the example's shapes tells.

    Nodes behind one that cannot run on fake tensors stay unknown. The modules must be in
    evaluation mode, so that a batch of one serves.

    Raises:
        ActlasError: if a layer refuses the example.
    """
    mode, found = FakeTensorMode(allow_non_fake_inputs=True), Shapes()
    values: dict[fx.Node, Any] = {}

    def faked(item: Any) -> Any:
        return mode.from_tensor(item.detach()) if isinstance(item, Tensor) else item

    with mode, torch.no_grad():
        for node in graph.nodes:
            if node.op == "output":
                break
            try:
                if node.name in constants:
                    values[node] = faked(constants[node.name])
                elif node.op == "placeholder":
                    values[node] = map_aggregate(given[node.name], faked)
                else:
                    values[node] = _result(node, values, modules, faked)
            except Exception as error:  # it depends on data, or runs foreign code
                if node.op == "call_module" and _is_refusal(error, modules[str(node.target)]):
                    raise MisfitError(node.target, error) from None
                continue
            if node.op != "placeholder" or isinstance(values[node], Tensor):
                found.note(node.name, values[node])
    return found


def _result(node: fx.Node, values: Mapping[fx.Node, Any], modules: Mapping[str, nn.Module],
            faked: Any) -> Any:  # fmt: skip
    args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    module = modules[str(node.target)]
    state = {name: faked(tensor) for name, tensor in
             (*module.named_parameters(), *module.named_buffers())}  # fmt: skip
    return torch.func.functional_call(module, state, args, kwargs)
