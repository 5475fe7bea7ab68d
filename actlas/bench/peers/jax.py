"""JAX: its own functions where it has them, else the formula in jax.numpy; jit-compiled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from actlas.api import Activation
from actlas.bench.cells import BOTH, INTO, Work
from actlas.bench.peers._peer import Array, Call, Function, Peer, missing
from actlas.bench.peers.formula import OPERATORS, written
from actlas.bench.peers.native import namesakes
from actlas.errors import ActlasError, need_extra


@cache
def functions() -> dict[str, Function]:
    """Return a JAX function for every primitive that a formula may name."""
    jnp, nn = need_extra("jax.numpy", "bench"), need_extra("jax.nn", "bench")
    special, lax = need_extra("jax.scipy.special", "bench"), need_extra("jax.lax", "bench")

    def sphj(order: int, u: Any) -> Any:
        if order:
            raise ActlasError(f"jax has no spherical Bessel function of order {order}")
        return jnp.sinc(u / np.pi)

    return OPERATORS | {
        "where": jnp.where, "max": jnp.maximum, "min": jnp.minimum, "sign": jnp.sign,
        "exp": jnp.exp, "expm1": jnp.expm1, "log": jnp.log, "log1p": jnp.log1p, "sqrt": jnp.sqrt,
        "powr": jnp.power, "tanh": jnp.tanh, "atan": jnp.arctan, "asinh": jnp.arcsinh,
        "sin": jnp.sin, "cos": jnp.cos, "logaddexp": jnp.logaddexp, "sphj": sphj,
        "sigmoid": nn.sigmoid, "softplus": nn.softplus, "softsign": nn.soft_sign,
        "erf": special.erf, "erfc": special.erfc,
        "sech2": lambda u: 1 / jnp.cosh(u) ** 2, "tanhshrink": lambda u: u - jnp.tanh(u),
        "lorentz": lambda u: 1 / (1 + u * u), "rabs": lambda u: 1 / (1 + abs(u)),
        "hypot1": lambda u: jnp.sqrt(1 + u * u), "rhyp": lambda u: lax.rsqrt(1 + u * u),
        "isru": lambda u: u * lax.rsqrt(1 + u * u),
        "ncdf": lambda u: 0.5 * special.erfc(-u * 0.5**0.5),
        "npdf": lambda u: (0.5 / np.pi) ** 0.5 * jnp.exp(-0.5 * u * u),
    }  # fmt: skip


def _candidates(activation: Activation) -> Iterator[Function]:
    places = [need_extra(f"jax.{name}", "bench") for name in ("nn", "numpy", "scipy.special")]
    yield from namesakes(activation, places)
    yield written(activation, functions(), "jax")


def _call(function: Function, work: Work) -> Call | None:
    jax = need_extra("jax", "bench")
    if work.cell.mode == INTO:
        return None
    arrays = [_array(tensor) for tensor in work.tensors]
    if work.cell.mode != BOTH:
        forward = jax.jit(function)
        return lambda: forward(*arrays).block_until_ready()
    both, seed = jax.jit(_both(jax, function)), _array(work.grad)
    return lambda: jax.block_until_ready(both(seed, *arrays))


def _both(jax: Any, function: Function) -> Function:
    def value_and_gradients(seed: Any, *arrays: Any) -> Any:
        y, pull_back = jax.vjp(function, *arrays)
        return y, pull_back(seed)

    return value_and_gradients


def _array(tensor: Any) -> Any:
    jnp = need_extra("jax.numpy", "bench")
    kind = jnp.bfloat16 if tensor.itemsize == 2 else jnp.float32
    return jnp.asarray(tensor.float().numpy(), dtype=kind)


def _values(function: Function, points: tuple[Array, ...]) -> Array:
    jnp = need_extra("jax.numpy", "bench")
    found = function(*(jnp.asarray(x.astype(np.float32)) for x in points))
    return np.asarray(found, dtype=np.float64)


PEER = Peer("jax", "JAX with jit", _candidates, _call, _values,
            absent=lambda: missing("jax", "jaxlib"), runtime="jax")  # fmt: skip
