"""Small specifications and data for the tests of the study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from actlas.study import Data, Split, Task, find_task
from actlas.study.tasks import load_data
from actlas.study.training import Phase, RunSpec

MakeSpec = Callable[..., RunSpec]


@pytest.fixture
def make_spec() -> MakeSpec:
    """Return a maker of specifications with few epochs; any field can be given."""

    def make(activation: str = "relu", **changes: Any) -> RunSpec:
        fields: dict[str, Any] = {
            "task": "digits", "activation": activation, "parameters": (), "formula": "",
            "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.0, "gradient_clip": 1.0,
            "epochs": 2, "batch_size": 64, "phase": Phase.CONFIRMATION, "seed": 0,
        }  # fmt: skip
        return RunSpec(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def digits() -> Task:
    return find_task("digits")


@pytest.fixture(scope="session")
def digits_data() -> Data:
    return load_data("digits", None)


@pytest.fixture
def unreadable() -> Split:
    """A part of a data set whose use shows: nothing can be computed with it."""
    return Split(torch.empty(0, 1), torch.empty(0, dtype=torch.int64))
