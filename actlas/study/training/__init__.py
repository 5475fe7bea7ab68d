"""One training run: what identifies it, how it starts, and what it leaves behind."""

from actlas.study.training.initialisation import START_WEIGHTS
from actlas.study.training.optimizers import OPTIMIZERS, SCHEDULES
from actlas.study.training.specification import Phase, Recipe, Record, RunSpec
from actlas.study.training.trainer import train

__all__ = [
    "OPTIMIZERS", "SCHEDULES", "START_WEIGHTS", "Phase", "Recipe", "Record", "RunSpec", "train",
]  # fmt: skip
