"""Another network for a task: options filled in from the data, and a check that it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import find_network
from actlas.study.arms import parse_network
from actlas.study.networks.building import build_network, check_options
from actlas.study.networks.peers import is_peer
from actlas.study.tasks import Data, Task


def with_network(
    task: Task, text: str | None, data: Data, *, own: bool = False, check: bool = False
) -> Task:
    """Return the task with the network `text` in place of its own.

    Sizes that the data decide (channels, image_size, inputs, classes, those the task names) are
    filled in where the network takes them and the text does not give them.

    Args:
        task: as registered.
        text: a network, as for `build_network`; None keeps the task's own.
        data: the task's.
        own: build it with the functions that it has of its own, whichever is asked for.
        check: also build it once and feed it two examples.

    Raises:
        ActlasError: if the network does not take what the task gives, or gives other outputs.
    """
    if text is None:
        return task
    examples = task.transform(data.train.inputs[:2])
    with torch.random.fork_rng(devices=[]):
        outputs = _outputs(task.network(nn.ReLU), examples)
    options = _options(text, examples, outputs.shape[-1], task)

    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        built = build_network(text, None if own else activation, **options)
        return task.adapt(built) if task.adapt else built

    if check:
        _check_outputs(network, examples, outputs, text, task)
    return replace(renamed(task, text), network=network)


def renamed(task: Task, *networks: str | None) -> Task:
    """Return the task under the title and the limits that it has with other networks.

    Args:
        task: as registered.
        networks: all that are trained on it; None stands for its own.
    """
    if set(networks) <= {None}:
        return task
    subject = task.subject or task.title
    own = task.network_limits if None in networks else ()
    return replace(
        task, title=f"{subject}, {networks[0]}" if len(set(networks)) == 1 else subject,
        network_limits=(*own, "The learning rates and epochs are the task's, made for its own "
                        "network."),
    )  # fmt: skip


def _outputs(network: nn.Module, examples: Tensor) -> Tensor:
    with torch.no_grad():
        outputs: Tensor = network.eval()(examples)
    return outputs


def _options(text: str, examples: Tensor, classes: int, task: Task) -> dict[str, Any]:
    """Return the options that follow from the data; ActlasError if they are of another kind."""
    name, given = parse_network(text)
    kind = _kind(examples)
    sizes: dict[str, Any] = {"classes": classes, "inputs": examples[0].numel()}
    if kind == "images":
        sizes |= {"channels": examples.shape[1], "image_size": examples.shape[-1]}
    sizes |= task.sizes
    if is_peer(name):
        _need(kind == "images", f"{name} takes images", kind, task)
        return {key: sizes[key] for key in ("channels", "classes")}
    check_options(name, given)
    entry = find_network(name)
    fits = entry.takes == kind or (entry.takes, kind) == ("features", "images")
    _need(fits, f"{entry.id} takes {entry.takes}", kind, task)
    return {key: value for key, value in sizes.items() if key in entry.options}


def _kind(examples: Tensor) -> str:
    """Return what a batch holds: images (N, C, H, W), tokens (integers) or features."""
    if not examples.is_floating_point():
        return "tokens"
    return "images" if examples.ndim == 4 else "features"


def _need(fits: bool, takes: str, kind: str, task: Task) -> None:
    if not fits:
        raise ActlasError(f"{takes}, and the task {task.name} gives {kind}")


def _check_outputs(
    network: Callable[[Callable[[], nn.Module]], nn.Module], examples: Tensor, wanted: Tensor,
    text: str, task: Task,
) -> None:  # fmt: skip
    """Feed two examples; ActlasError if the network cannot take them or gives another shape."""
    with torch.random.fork_rng(devices=[]):
        try:
            found = _outputs(network(nn.ReLU), examples)
        except ActlasError as error:
            raise ActlasError(f"{text} does not fit the task {task.name}: {error}") from None
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ActlasError(f"{text} does not fit the task {task.name}, which gives "
                              f"{tuple(examples.shape)}: {reason}") from None  # fmt: skip
    if not isinstance(found, Tensor) or found.shape != wanted.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ActlasError(f"{text} does not fit the task {task.name}: its outputs are {shape}, "
                          f"{tuple(wanted.shape)} are needed")  # fmt: skip
