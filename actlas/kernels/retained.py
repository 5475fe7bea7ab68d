"""Functions whose output tells the slope: f' is the same at f(x) as at x, as in ReLU and in clips.

They keep the output for backward, which the next layer keeps anyway, and no second tensor.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from actlas.backends import numpy as numpy_backend
from actlas.backends.pieces import fitted
from actlas.backends.polynomials import NotPieces
from actlas.expr import Expr, derivative
from actlas.expr.node import ONE
from actlas.kernels.cpu.tensors import TYPES


@lru_cache(maxsize=4096)
def output_tells(root: Expr, name: str) -> bool:
    """Say whether the slope at the output is the slope at the input, for every number.

    Asked of functions with few straight pieces only, on all numbers of sixteen bits and beside
    the joints; a joint is where they could differ.

    >>> from actlas.expr import maximum, symbol
    >>> x = symbol("x")
    >>> output_tells(maximum(x, 0), "x"), output_tells(maximum(x, 1) - 2, "x")
    (True, False)
    """
    slope = derivative(root, name)
    if slope is ONE:
        return False  # there is nothing to tell, and the output stays free to be written into
    try:
        pieces = fitted(numpy_backend.prepared(slope, (name,), ()))
    except NotPieces:
        return False
    if pieces.degree > 0:
        return False
    points = [x for dtype in TYPES for x in _numbers(dtype, pieces.knots)]
    return all(_is_told(root, slope, name, x) for x in points)


def _numbers(dtype: torch.dtype, knots: np.ndarray) -> list[torch.Tensor]:
    """Return all numbers of sixteen bits, or those of 32 of every size and beside the joints."""
    if dtype != torch.float32:
        return [torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype)]
    size = np.concatenate([[0.0, np.inf, np.nan], np.geomspace(1e-45, 3e38, 999)])
    found = [np.concatenate([size, -size]).astype(np.float32), knots]
    for towards in (-np.inf, np.inf):
        near = knots
        for _ in range(4):
            near = np.nextafter(near, np.float32(towards))
            found.append(near)
    return [torch.from_numpy(part) for part in found]


def _is_told(root: Expr, slope: Expr, name: str, x: torch.Tensor) -> bool:
    wide = x.double().numpy()
    y = torch.from_numpy(numpy_backend.evaluate(root, (name,), wide)).to(x.dtype)
    at_input = numpy_backend.evaluate(slope, (name,), wide)
    at_output = numpy_backend.evaluate(slope, (name,), y.double().numpy())
    return bool(np.array_equal(at_input, at_output, equal_nan=True))
