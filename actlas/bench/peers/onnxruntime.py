"""ONNX Runtime on actlas's own export: one operator where ONNX has the function, else its nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

from actlas.api import Activation
from actlas.bench.cells import BOTH, INTO, Work
from actlas.bench.peers._peer import Array, Call, Peer, missing
from actlas.errors import need_extra

_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
_RESULT = "result"


Session = Callable[[str], Any]  # by dtype


def _candidates(activation: Activation) -> Iterable[Session]:
    return [partial(_session, activation)]


def _session(activation: Activation, dtype: str) -> Any:
    """Return a session with as many threads as torch has."""
    from actlas.export import function_to_onnx

    runtime = need_extra("onnxruntime", "bench")
    model = function_to_onnx(activation, rank=1, dtype=_DTYPES[dtype])
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors only
    providers = ["CPUExecutionProvider"]
    return runtime.InferenceSession(model.SerializeToString(), options, providers=providers)


def _call(session_of: Session, work: Work) -> Call | None:
    """Return a call that neither copies its inputs in nor its result out."""
    if work.cell.mode == BOTH:
        return None
    session = session_of(work.cell.dtype)
    inputs = dict(zip(work.activation.definition.inputs, map(_value, work.tensors), strict=True))
    if work.cell.mode != INTO:
        return partial(session.run_with_ort_values, [_RESULT], inputs)
    return _into(session, inputs, _value(torch.empty_like(work.tensors[0])))


def _into(session: Any, inputs: dict[str, Any], output: Any) -> Call:
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    binding.bind_ortvalue_output(_RESULT, output)

    def call() -> object:
        session.run_with_iobinding(binding)
        return inputs, output  # a binding does not keep alive what it points to

    return call


def _value(tensor: torch.Tensor) -> Any:
    """Return a tensor as ONNX Runtime takes it, in the same memory."""
    made = need_extra("onnxruntime", "bench").OrtValue
    if tensor.dtype is torch.float32:
        return made.ortvalue_from_numpy(tensor.numpy())
    code = need_extra("onnx", "bench").TensorProto.BFLOAT16
    bits = tensor.view(torch.int16).numpy().view(np.uint16)
    return made.ortvalue_from_numpy_with_onnx_type(bits, code)


def _values(session_of: Session, points: tuple[Array, ...]) -> Array:
    session = session_of("fp32")
    names = (value.name for value in session.get_inputs())
    given = {name: x.astype(np.float32) for name, x in zip(names, points, strict=True)}
    return np.asarray(session.run([_RESULT], given)[0], dtype=np.float64)


PEER = Peer("onnxruntime", "ONNX Runtime, forward", _candidates, _call, _values,
            absent=lambda: missing("onnx", "onnxruntime"), runtime="onnxruntime")  # fmt: skip
