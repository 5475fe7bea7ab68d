"""actlas itself by its public functions, and the copy against which everybody is held."""

from __future__ import annotations

from functools import partial

import torch

from actlas.api import Activation
from actlas.bench.cells import INTO, Work
from actlas.bench.peers._peer import Call, Peer, points
from actlas.catalogue import unroll
from actlas.kernels.autograd import elementwise
from actlas.kernels.cpu import launch
from actlas.kernels.cpu.runtime import engine
from actlas.nn.functional import function_of


def path_of(activation: Activation) -> str:
    """Return how a function is computed here: "table", other words of the engine, "composition".

    >>> from actlas.api import get
    >>> path_of(get("telu")) in ("table", "composition")
    True
    """
    inputs, numbers = activation.definition.inputs, unroll(dict(activation.values))
    if not engine().active:
        return "composition"
    kernel = elementwise(activation.expression(), (*inputs, *numbers), ()).kernel
    program = launch.value_program(kernel, (*(None for _ in inputs), *numbers.values()))
    return "composition" if program is None else program.path


def _copy(_: object, work: Work) -> Call:
    x = work.tensors[0]
    return partial(torch.empty_like(x).copy_, x) if work.cell.mode == INTO else x.clone


ACTLAS = Peer(
    "actlas", "actlas.functional", lambda activation: [function_of(activation.definition)]
)
COPY = Peer(
    "copy", "a copy of the input: clone(), or copy_() into a ready buffer",
    lambda activation: [activation], _copy, lambda activation, _: activation(*points(activation)),
)  # fmt: skip
