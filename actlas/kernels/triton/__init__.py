"""Kernels for GPUs, printed from an expression and compiled by Triton; README.md says how."""

from actlas.kernels.triton._forms import biased, gated
from actlas.kernels.triton._geometry import Unsupported
from actlas.kernels.triton._inputs import Available, Value, available
from actlas.kernels.triton._launch import gradients, value
from actlas.kernels.triton._text import Kernel

__all__ = ["Available", "Kernel", "Unsupported", "Value", "available", "biased", "gated",
           "gradients", "value"]  # fmt: skip
