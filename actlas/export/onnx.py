"""Functions as ONNX models: one operator where ONNX has it, else nodes from the definition."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Union

from actlas.backends import onnx as onnx_backend
from actlas.backends.onnx import RESULT, Node
from actlas.errors import ActlasError, UnsupportedDtypeError, nearest, need_extra
from actlas.export._formula import Formula, Subject, formula_of
from actlas.export.native import native

OPSETS = range(18, 25)
DTYPES = {"float32": "FLOAT", "float16": "FLOAT16", "bfloat16": "BFLOAT16"}
Place = Union[str, "PathLike[str]"]


def function_to_onnx(
    what: Subject,
    path: Place | None = None,
    *,
    opset: int = 20,
    dtype: str = "float32",
    rank: int = 2,
    **parameters: Any,
) -> Any:
    """Return a function as an `onnx.ModelProto` from x (and y) to `result`, of the same shape.

    Args:
        what: a name, what `actlas.get` returns (also a derivative), or a module of actlas.
        path: where to write the model; None writes nothing.
        opset: version of ONNX's operator set, 18 to 24. Where it has the function as one
            operator (Mish from 18, Gelu from 20, Swish from 24) the model is that operator.
        dtype: of input and output: float32, float16 or bfloat16. The 16-bit formats are computed
            in float32 and rounded once.
        rank: the number of dimensions of the input, each of any size.
        parameters: of the function, with a name.

    Raises:
        ActlasError: for an unknown opset, dtype, name or parameter, a structured unit, or a
            module with a value per channel.

    >>> model = function_to_onnx("mish", opset=18)
    >>> [node.op_type for node in model.graph.node]
    ['Mish']
    """
    formula = formula_of(what, **parameters)
    made = graph_nodes(formula, opset, dtype)
    model = model_of(made, formula.inputs, [RESULT], formula.name, opset, dtype, rank)
    if path is not None:
        write(model, path)
    return model


def graph_nodes(formula: Formula, opset: int, dtype: str = "float32") -> list[Node]:
    """Return the nodes of a function from its inputs to `RESULT`; the native one if there is."""
    check_opset(opset)
    check_dtype(dtype)
    made = native(formula, opset) or onnx_backend.nodes(formula.root, formula.inputs)
    if dtype == "float32":
        return made
    wide = {name: f"{name}_wide" for name in (*formula.inputs, RESULT)}
    before = [_cast(name, wide[name], "float32") for name in formula.inputs]
    inside = [node.renamed(wide) for node in made]
    return [*before, *inside, _cast(wide[RESULT], RESULT, dtype)]


def _cast(name: str, output: str, dtype: str) -> Node:
    return Node("Cast", (name,), output, (("to", _code(dtype)),))


def _code(dtype: str) -> int:
    onnx = need_extra("onnx", "export")
    return int(getattr(onnx.TensorProto, DTYPES[dtype]))


def check_opset(opset: Any) -> None:
    """Refuse all but the opsets that the tests run."""
    if isinstance(opset, bool) or not isinstance(opset, int) or opset not in OPSETS:
        first, last = OPSETS[0], OPSETS[-1]
        raise ActlasError(f"the opset must be an integer from {first} to {last}, got {opset!r}")


def check_dtype(dtype: Any) -> None:
    """Refuse float64, for which ONNX Runtime lacks Erf, Atan and others, and all but floats."""
    if dtype not in DTYPES:
        raise UnsupportedDtypeError(f"an ONNX function has dtype {', '.join(DTYPES)}, got "
                                    f"{dtype!r}.{nearest(str(dtype), DTYPES)}")  # fmt: skip


def protos(nodes: Iterable[Node]) -> list[Any]:
    """Return the nodes as ONNX's own messages."""
    helper = need_extra("onnx", "export").helper
    return [
        helper.make_node(node.operator, node.inputs, [node.output], **dict(node.attributes))
        for node in nodes
    ]


def model_of(
    nodes: Iterable[Node],
    inputs: Iterable[str],
    outputs: Iterable[str],
    name: str,
    opset: int,
    dtype: str = "float32",
    rank: int = 1,
) -> Any:
    """Return a checked model of the nodes; inputs and outputs have `rank` sizes left open."""
    onnx = need_extra("onnx", "export")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 0:
        raise ActlasError(f"the rank must be an integer of 0 or more, got {rank!r}")
    shape = [f"n{index}" for index in range(rank)]

    def declared(names: Iterable[str]) -> list[Any]:
        return [onnx.helper.make_tensor_value_info(n, _code(dtype), shape) for n in names]

    graph = onnx.helper.make_graph(protos(nodes), name, declared(inputs), declared(outputs))
    imports = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(graph, opset_imports=imports, producer_name="actlas")
    model.ir_version = onnx.helper.find_min_ir_version_for(imports)
    onnx.checker.check_model(model, full_check=True)
    return model


def write(model: Any, path: Place) -> None:
    """Write a model; ActlasError if that cannot be done."""
    try:
        Path(path).write_bytes(model.SerializeToString())
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from None
