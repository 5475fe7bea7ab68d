"""Whole models as ONNX: torch.onnx does the network, actlas its own functions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from actlas.backends.onnx import RESULT
from actlas.errors import ActlasError, need_extra
from actlas.export._formula import Formula, formula_of
from actlas.export.onnx import DTYPES, Place, check_opset, graph_nodes, protos
from actlas.nn._module import ElementwiseModule

_DOMAIN = "actlas"


def to_onnx(
    model: nn.Module,
    args: tuple[Any, ...],
    path: Place | None = None,
    *,
    opset: int = 20,
    **options: Any,
) -> torch.onnx.ONNXProgram:
    """Return a model as ONNX program in which functions of actlas are native operators.

    As `torch.onnx.export(..., dynamo=True)`, except that each module of actlas becomes the one
    operator that ONNX has for it at this opset, or else nodes printed from its definition.
    Learned parameters become constants. A module with a value per channel, a structured unit and
    a functional call are left to PyTorch's own exporter.

    Args:
        model: any module; it is not changed.
        args: example inputs, as for `torch.onnx.export`.
        path: where to save the program; None saves nothing.
        opset: version of ONNX's operator set, 18 to 24.
        options: further arguments of `torch.onnx.export`, such as `dynamic_shapes`.

    Raises:
        ActlasError: for an unknown opset, what is no module, or a model that PyTorch's exporter
            cannot trace or translate; the reason is PyTorch's.

    >>> from actlas.nn import create
    >>> model = nn.Sequential(nn.Linear(4, 4), create("gelu"), create("telu")).eval()
    >>> program = to_onnx(model, (torch.randn(2, 4),), opset=20)
    >>> [node.op_type for node in program.model.graph]
    ['Gemm', 'Gelu', 'Exp', 'Tanh', 'Mul']
    """
    if not isinstance(model, nn.Module):
        raise ActlasError(f"to_onnx needs a module, got {type(model).__name__}; for one function "
                          "there is actlas.export.function_to_onnx")  # fmt: skip
    check_opset(opset)
    ours = {"dynamo": "nothing", "opset_version": "opset", "f": "path"}
    for name in ours.keys() & options:
        raise ActlasError(f"to_onnx sets {name} itself; give {ours[name]} instead")
    need_extra("onnxscript", "export")
    options.setdefault("verbose", False)
    functions: dict[str, Any] = {}
    with _marked(model, opset, functions), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)  # PyTorch's own
        program: torch.onnx.ONNXProgram = _exported(model, args, opset, options)
    _inline(program, functions.values())
    if path is not None:
        program.save(path)
    return program


def _exported(model: nn.Module, args: Any, opset: int, options: dict[str, Any]) -> Any:
    try:
        return torch.onnx.export(model, args, dynamo=True, opset_version=opset, **options)
    except torch.onnx.errors.OnnxExporterError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        told = (str(cause) or type(cause).__name__).splitlines()[0]
        raise ActlasError(f"PyTorch cannot export {type(model).__name__}: {told}") from error


@contextmanager
def _marked(model: nn.Module, opset: int, functions: dict[str, Any]) -> Iterator[None]:
    """Let every function of actlas be traced as one node; its body goes into `functions`."""
    chosen = [module for module in model.modules() if _is_one_function(module)]
    try:
        for module in chosen:
            module.forward = _marker(module, opset, functions)
        yield
    finally:
        for module in chosen:
            module.__dict__.pop("forward", None)


def _is_one_function(module: nn.Module) -> bool:
    one = isinstance(module, ElementwiseModule) and module.num_parameters == 1
    return one and "forward" not in module.__dict__


def _marker(module: Any, opset: int, functions: dict[str, Any]) -> Any:
    formula, usual = formula_of(module), module.forward

    def forward(*inputs: torch.Tensor) -> torch.Tensor:
        x, dtype = inputs[0], str(inputs[0].dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            return usual(*inputs)  # type: ignore[no-any-return]
        name = f"f{len(functions)}"
        functions[name] = _function(name, formula, opset, dtype)
        given = (x.clone(), *inputs[1:]) if module.inplace else inputs
        y = torch.onnx.ops.symbolic(f"{_DOMAIN}::{name}", given, dtype=x.dtype, shape=x.shape)
        return x.copy_(y) if module.inplace else y

    return forward


def _function(name: str, formula: Formula, opset: int, dtype: str) -> Any:
    helper = need_extra("onnx", "export").helper
    body = protos(graph_nodes(formula, opset, dtype))
    imports = [helper.make_opsetid("", opset)]
    return helper.make_function(_DOMAIN, name, formula.inputs, [RESULT], body, imports)


def _inline(program: Any, functions: Any) -> None:
    """Put the bodies of the functions in the places of the nodes that call them."""
    ir = need_extra("onnx_ir", "export")
    for proto in functions:
        function = ir.from_proto(proto)
        program.model.functions[function.identifier()] = function
    need_extra("onnx_ir.passes.common", "export").InlinePass()(program.model)
    program.model.opset_imports.pop(_DOMAIN, None)
