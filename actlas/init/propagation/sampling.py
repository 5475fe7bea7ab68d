"""What no rule covers: try whether it is elementwise, else feed it samples and measure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.fx.node import map_aggregate

from actlas.init.propagation.elementwise import by_channel, is_elementwise
from actlas.init.propagation.registry import UNKNOWN, has_unknown
from actlas.init.propagation.signal import Signal, gaussian, measured

if TYPE_CHECKING:
    from actlas.init.propagation.walk import Walk

_ENOUGH = 200_000  # elements of the largest input
_MOST_RUNS = 64
_NEVER = 1e-9  # the weight of points outside the domain of a function that do not count


def leaves(value: Any) -> list[Any]:
    """Return everything that stands in nested tuples, lists and dictionaries.

    >>> leaves([1, (2, {"a": 3})])
    [1, 2, 3]
    """
    found: list[Any] = []
    map_aggregate(value, found.append)
    return found


def signals_in(value: Any) -> list[Signal]:
    """Return the signals that stand in nested arguments."""
    return [item for item in leaves(value) if isinstance(item, Signal)]


def anything(walk: Walk, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the result of a call without a rule: exactly if elementwise, else by sampling.

    Where neither can be done the first signal passes unchanged, and the report says so.
    """
    if not signals_in((args, kwargs)):
        return UNKNOWN
    call, channels = by_channel(function)
    found = _elementwise(walk, call, channels, args, kwargs)
    if found is not None:
        return found
    try:
        return _sampled(walk, call, args, kwargs)
    except _NotSampledError as reason:
        walk.note(f"{walk.where}: {walk.operation} is not known here and {reason}; its input's "
                  "moments are taken as its output's")  # fmt: skip
        return signals_in((args, kwargs))[0].renew()


class _NotSampledError(Exception):
    """The reason why a call cannot be tried on samples."""


def _elementwise(walk: Walk, call: Callable[..., Any], channels: int, args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> Signal | None:  # fmt: skip
    """Return f(signal) point for point, if the signals are functions of one variable."""
    signals = signals_in((args, kwargs))
    others = [item for item in leaves((args, kwargs)) if not isinstance(item, Signal)]
    big = any(isinstance(item, Tensor) and item.numel() > 1 for item in others)
    if big or has_unknown((args, kwargs)) or any(s.root is not signals[0].root for s in signals):
        return None

    def at(*points: Tensor) -> Any:
        return call(*_replaced(args, signals, points), **_replaced(kwargs, signals, points))

    known, name = walk.traced.elementwise, walk.node.name
    if name not in known:
        known[name] = is_elementwise(at, channels, tuple(s.values.dtype for s in signals))
    if not known[name]:
        return None
    with torch.no_grad():
        values = at(*(s.values.expand(-1, max(channels, s.values.shape[1])) for s in signals))
    first = signals[0]
    if values.is_floating_point():
        values = values.masked_fill(values.isnan() & (first.weights < _NEVER), 0.0)
    return Signal(_narrow(values), first.weights, first.root, channels=first.channels)


def _narrow(values: Tensor) -> Tensor:
    """Return one column where all channels are alike."""
    return values[:, :1] if bool((values == values[:, :1]).all()) else values


def _replaced(arguments: Any, signals: list[Signal], tensors: Any) -> Any:
    """Return the arguments with each signal replaced by its tensor."""
    waiting = iter(tensors)
    return map_aggregate(arguments, lambda a: next(waiting).clone() if isinstance(a, Signal) else
                         _wide(a))  # fmt: skip


def _wide(value: Any) -> Any:
    """Return a constant tensor as a copy in float64, everything else as it is."""
    if not isinstance(value, Tensor):
        return value
    copied = value.detach().clone()
    return copied.double() if copied.is_floating_point() else copied


def _sampled(walk: Walk, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
             ) -> Any:  # fmt: skip
    """Run the call on samples of the shapes that the example has, and measure what comes out."""
    args, kwargs = map_aggregate((args, kwargs), _with_shape)
    signals = signals_in((args, kwargs))
    if has_unknown((args, kwargs)) or any(signal.shape is None for signal in signals):
        raise _NotSampledError("no example_input tells what it works on")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        try:
            result = _on_a_large_batch(call, args, kwargs, signals)
        except Exception as error:  # a foreign function may raise anything
            raise _NotSampledError(f"fails on samples ({type(error).__name__})") from None
    walk.ledger.sampled[walk.where] = None
    return map_aggregate(result, lambda item: _as_correlated(item, signals[0]))


def _as_correlated(value: Any, source: Signal) -> Any:
    """Give a measured signal the correlation between places of the one it came from."""
    if not isinstance(value, Signal):
        return value
    return gaussian(value.mean, value.variance, source.correlation * value.variance, value.shape)


def _on_a_large_batch(call: Callable[..., Any], args: Any, kwargs: Any, signals: list[Signal]
                      ) -> Any:  # fmt: skip
    """Measure one run on a batch made large, or several where only the example's size will do."""
    size = max(math.prod(signal.shape or ()) for signal in signals)
    times = max(1, _ENOUGH // max(size, 1))

    def run(factor: int) -> Any:
        drawn = _draw(signals, factor)
        return call(*_replaced(args, signals, drawn), **_replaced(kwargs, signals, drawn))

    if times > 1 and len({(signal.shape or (0,))[0] for signal in signals}) == 1:
        try:
            return _measured([run(times)], 1 / times)
        except Exception:  # it relies on the size of the batch
            pass
    return _measured([run(1) for _ in range(min(times, _MOST_RUNS))])


def _with_shape(value: Any) -> Any:
    """Give a signal of unknown shape and known features the shape of a batch of vectors."""
    if isinstance(value, Signal) and value.shape is None and value.channels:
        return replace(value, shape=(256, value.channels))
    return value


def _draw(signals: list[Signal], factor: int) -> list[Tensor]:
    """Return a sample of each signal, the batch `factor` times as large.

    Signals of one root and shape are drawn together.
    """
    picked: dict[Any, Tensor] = {}
    tensors = []
    for signal in signals:
        shape = tuple(signal.shape or ())
        shape = (factor * shape[0], *shape[1:]) if shape and factor > 1 else shape
        key = (signal.root, shape)
        if key not in picked:
            count = math.prod(shape)
            steps = signal.weights[:, 0].cumsum(0)
            picked[key] = torch.searchsorted(steps / steps[-1], torch.rand(count).double())
        index = picked[key]
        column = index % signal.values.shape[1]
        tensors.append(signal.values[index, column].reshape(shape))
    return tensors


def _measured(runs: list[Any], share: float = 1.0) -> Any:
    """Return the nested signals of what several runs gave, their batch cut down to its share."""
    first = runs[0]
    if isinstance(first, Tensor):
        together = torch.stack(runs)
        if not (together.is_floating_point() or together.dtype == torch.bool):
            return UNKNOWN
        batch = (round(share * first.shape[0]),) if first.ndim else ()
        return replace(measured(together), shape=(*batch, *first.shape[1:]))
    if isinstance(first, (tuple, list)):
        return tuple(_measured([run[i] for run in runs], share) for i in range(len(first)))
    return first
