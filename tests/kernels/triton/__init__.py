"""Tests of the kernels for GPUs; they need Triton, and none of them needs a GPU."""

from importlib.util import find_spec

import pytest

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason='Triton is not installed: pip install "actlas[triton]"'
)
