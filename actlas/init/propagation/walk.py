"""The walk along a traced graph: each operation gets the signals that come in, by its rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate, map_arg

from actlas.errors import ActlasError
from actlas.init.propagation import attention, combining, normalising, pooling  # noqa: F401
from actlas.init.propagation.graph import Traced
from actlas.init.propagation.ledger import Ledger
from actlas.init.propagation.modules import call_of
from actlas.init.propagation.registry import (
    RULES,
    UNKNOWN,
    WEIGHING,
    has_unknown,
    operation_name,
    writes_into_its_input,
)
from actlas.init.propagation.sampling import anything, leaves, signals_in
from actlas.init.propagation.settings import Estimator, Settings
from actlas.init.propagation.signal import Root, Signal, gaussian, measured
from actlas.init.propagation.waves import angular_frequency
from actlas.init.propagation.weighing import Fan


@dataclass(frozen=True)
class Step:
    """The moments behind one operation."""

    name: str
    operation: str
    mean: float
    variance: float


class Walk:
    """One pass over the graph; the rules ask it for what they need and tell it what they find."""

    def __init__(self, traced: Traced, settings: Settings, ledger: Ledger) -> None:
        self.traced, self.settings, self.ledger = traced, settings, ledger
        self.steps: list[Step] = []
        self.values: dict[fx.Node, Any] = {}
        self.data: set[Root] = set()  # the roots of the model's inputs
        self.node: fx.Node
        self.shape: tuple[int, ...] | None = None
        self.where = self.operation = ""

    def run(self) -> Signal | None:
        """Walk to the end; return the first signal of the output."""
        for node in tuple(self.traced.graph.nodes):  # proxies left in a model would add more
            self.node, self.where, self.operation = node, node.name, node.op
            self.shape = self.traced.shapes.get(node.name)
            value = self._value(node)
            if isinstance(value, Signal):
                value = replace(value, shape=self.shape)
                self.steps.append(Step(self.where, self.operation, value.mean, value.variance))
            self.values[node] = value
        output = signals_in(self.values[node])
        return output[0] if output else None

    def _value(self, node: fx.Node) -> Any:
        if node.name in self.traced.constants:
            return self.traced.constants[node.name]
        if node.name in self.traced.told:
            return self.traced.told[node.name]
        if node.op == "placeholder":
            known = node.name in self.traced.given
            return map_aggregate(self.traced.given[node.name], self._given) if known else (
                self._data(None))  # fmt: skip
        args, kwargs = map_arg((node.args, node.kwargs), self.values.__getitem__)
        if node.op == "output":
            return args
        if node.op == "call_module":
            return self._module(str(node.target), args, kwargs)
        return self._function(node, args, kwargs)

    def _given(self, value: Any) -> Any:
        """Return the signal of a tensor of the example; indices stay unknown, the rest as it is."""
        if not isinstance(value, Tensor):
            return value
        return self._data(tuple(value.shape)) if value.is_floating_point() else UNKNOWN

    def _data(self, shape: tuple[int, ...] | None) -> Signal:
        mean, variance = self.settings.data_mean, self.settings.data_variance
        signal = gaussian(mean, variance, self.settings.data_correlation * variance, shape)
        self.data.add(signal.root)
        return signal

    def _module(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.traced.modules[path]
        self.where, self.operation = path or "model", type(module).__name__
        known, estimator = call_of(module), self.settings.estimator(module)
        result: Any = NotImplemented
        if estimator is not None:
            result = self._estimated(estimator, module, signals_in((args, kwargs)))
        elif known is not None:
            result = RULES[known[0]](self, *args, *known[1], **kwargs)
        if result is NotImplemented:
            result = self._foreign(module, args, kwargs)
        if getattr(module, "inplace", False):
            self._overwrite(result)
        return result

    def _estimated(self, estimator: Estimator, module: nn.Module, inputs: list[Signal]) -> Signal:
        """Return the signal of the moments that the user's own estimator gives."""
        moments = estimator(module, *((x.mean, x.variance) for x in inputs))
        try:
            mean, variance = map(float, moments)
        except (TypeError, ValueError):
            mean = variance = math.nan
        if not (math.isfinite(mean) and 0 <= variance < math.inf):
            raise ActlasError(f"the estimator of {type(module).__name__} must return a mean and a "
                              f"variance, got {moments!r}")  # fmt: skip
        return gaussian(mean, variance)

    def _foreign(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what comes out of a module without a rule; its weights stay as they are."""
        for parameter in (p for p in module.parameters() if p.ndim > 1):
            self.ledger.keep(parameter, f"inside {type(module).__name__}, left as it is")
        if isinstance(module, nn.RNNBase):
            usual = (64, 16, module.input_size)
            args = tuple(replace(a, shape=a.shape or usual) if isinstance(a, Signal) else a
                         for a in args)  # fmt: skip
        return anything(self, module, args, kwargs)

    def _function(self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.operation = operation_name(node.target)
        if not signals_in((args, kwargs)) and self.operation not in WEIGHING:
            return self._constant(node, args, kwargs)
        rule = RULES.get(self.operation)
        result = NotImplemented if rule is None else rule(self, *args, **kwargs)
        if result is NotImplemented:
            result = anything(self, _callable(node), args, kwargs)
        if writes_into_its_input(node.target, kwargs):
            self._overwrite(result)
        return result

    def _constant(self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operation makes of constants, on copies that it may write into."""
        if has_unknown((args, kwargs)):
            tensors = [item for item in leaves((args, kwargs)) if isinstance(item, Tensor)]
            return tensors[0].detach() if tensors else UNKNOWN
        owned = map_aggregate((args, kwargs), _copied)
        with torch.no_grad():
            return _callable(node)(*owned[0], **owned[1])

    def _overwrite(self, result: Any) -> None:
        """Let everybody who holds the first argument of an in-place call see the result."""
        first = self.node.args[0] if self.node.args else None
        if isinstance(first, fx.Node):
            self.values[first] = result

    # ------------------------------------------------------------ what rules ask for

    def signal(self, value: Any) -> Signal:
        """Return a signal, or that of a constant tensor's elements."""
        if isinstance(value, Signal):
            return value
        if isinstance(value, Tensor) and value.is_floating_point():
            return measured(value)
        self.note(f"{self.where}: an input of unknown values counts as standard normal")
        return gaussian(0.0, 1.0)

    def spatial(self, x: Signal, dimensions: int) -> tuple[int, ...] | None:
        """Return the last sizes of a signal's shape; None, with a note, if nothing tells them."""
        if not self.settings.padding:
            return None
        if x.shape is None:
            self.lacks_shape("the share of the padding")
            return None
        return x.shape[-dimensions:]

    def target(self, x: Signal, fan: Fan, power: float) -> float:
        """Return the variance wanted behind a layer: smaller in front of a fast wave."""
        frequency = angular_frequency(self.node, self.traced.modules)
        if frequency is None:
            return self.settings.signal_variance
        if x.root in self.data:
            return power / (3 * fan.size**2)  # the first layer: weights from U(-1/n, 1/n)
        return self.settings.signal_variance / frequency**2

    def note(self, text: str) -> None:
        """Add a sentence to the report, once."""
        self.ledger.notes[text] = None

    def lacks_shape(self, what: str) -> None:
        """Say that an example input would tell more."""
        self.note(f"without example_input {what} cannot be told, and nothing corrects for it")


def _callable(node: fx.Node) -> Any:
    """Return the function that a node calls, or one that calls its method."""
    if node.op != "call_method":
        return node.target
    name = str(node.target)
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
