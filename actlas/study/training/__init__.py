"""One training run: what identifies it, how it starts, and what it leaves behind."""

from actlas.study.training.optimizers import OPTIMIZERS
from actlas.study.training.specification import Phase, Record, RunSpec
from actlas.study.training.trainer import train

__all__ = ["OPTIMIZERS", "Phase", "Record", "RunSpec", "train"]
