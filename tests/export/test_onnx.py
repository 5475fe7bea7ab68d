"""Every function in ONNX Runtime at every opset, against double precision; and what is native."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import actlas
from actlas.backends import numpy as numpy_backend
from actlas.backends.onnx import RESULT, Node
from actlas.backends.onnx import nodes as printed
from actlas.catalogue import Definition
from actlas.export import function_to_onnx
from actlas.export._formula import Formula, formula_of
from actlas.export._half import HALVES
from actlas.export.native import OPERATORS, Operator, native
from actlas.export.onnx import DTYPES, OPSETS, graph_nodes, protos
from actlas.export.support import operators, run
from actlas.expr import symbol, symbols
from actlas.expr.node import as_expr
from tests.conftest import ENTRIES, over
from tests.export.points import ALLOWED, WIDE, worst
from tests.support.points import corner_cases
from tests.support.truths import cases, node_of

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
Results = dict[str, tuple[Formula, Any]]


def computed(formulas: dict[str, Formula], opset: int) -> Results:
    forms = [(formula, graph_nodes(formula, opset)) for formula in formulas.values()]
    found = run(forms, WIDE, opset)
    return {name: (formulas[name], y) for name, y in zip(formulas, found, strict=True)}


@cache
def everything(opset: int) -> Results:
    return computed({entry.name: formula_of(entry.name) for entry in ENTRIES}, opset)


@cache
def corners() -> Results:
    return computed(
        {f"{entry.name} {case}": formula_of(entry.name, **values)
         for entry in ENTRIES for case, values in corner_cases(entry).items()},
        OPSETS[-1],
    )  # fmt: skip


@cache
def slopes() -> Results:
    names = [entry.name for entry in ONE]
    return computed({n: formula_of(actlas.get(n).derivative()) for n in names}, OPSETS[0])


@over()
def test_matches_the_definition_at_every_opset(entry: Definition) -> None:
    for opset in OPSETS:
        formula, found = everything(opset)[entry.name]
        assert not worst(formula, found), opset


@over()
def test_matches_at_the_corners_of_its_parameters(entry: Definition) -> None:
    for case in corner_cases(entry):
        formula, found = corners()[f"{entry.name} {case}"]
        assert not worst(formula, found)


@over(ONE)
def test_derivatives_are_functions_too(entry: Definition) -> None:
    formula, found = slopes()[entry.name]
    assert not worst(formula, found)


@pytest.mark.parametrize("case", cases())
def test_every_primitive_has_a_form(case: str) -> None:
    assert printed(node_of(case), sorted(symbols(node_of(case))))


def test_a_constant_has_the_shape_of_its_input() -> None:
    assert operators(printed(as_expr(2), ["x"])) == ("Mul", "Add")


# ---------------------------------------------------------------- native operators

NUMBERS = (0.25, 1.5)  # values for the attributes of an operator, in order


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: " ".join([o.name, *dict(o.mode)]))
def test_onnx_says_the_same_of_its_operators(operator: Operator) -> None:
    """The formulas of the table against the reference implementation of ONNX itself."""
    names = (*operator.attributes, *operator.limits)
    root = operator.formula(symbol("x"), *map(symbol, names))
    x = np.linspace(0.05, 6, 120) if operator.name in ("Log", "Sqrt") else np.linspace(-6, 6, 241)
    values = NUMBERS[: len(names)]
    wanted = numpy_backend.evaluate(root, ["x", *names], x, *values)
    attributes = (*zip(operator.attributes, values, strict=False), *operator.mode)
    constants = [Node("Constant", (), n, (("value_float", v),))
                 for n, v in zip(operator.limits, values, strict=False)]  # fmt: skip
    node = Node(operator.name, ("x", *operator.limits), "y", attributes)
    found = _by_reference([*constants, node], x)
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-6)


def _by_reference(nodes: list[Node], x: Any) -> Any:
    helper = onnx.helper
    sides = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n"]) for n in "xy"]
    graph = helper.make_graph(protos(nodes), "g", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[-1])])
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, {"x": x.astype(np.float32)})[0]


def test_what_onnx_has_is_native() -> None:
    made = {name for e in ONE for name in operators(native(formula_of(e.name), OPSETS[-1]))}
    assert made >= {
        "Relu", "LeakyRelu", "ThresholdedRelu", "Clip", "Shrink", "Elu", "Selu", "Sigmoid", "Tanh",
        "HardSigmoid", "HardSwish", "Mish", "Gelu", "Swish", "Softplus", "Softsign",
    }  # fmt: skip
    assert operators(native(formula_of("celu", alpha=2), 18)) == ("Celu",)
    assert operators(native(formula_of("celu", alpha=1), 18)) == ("Elu",)


@pytest.mark.parametrize(
    ("name", "operator", "since"),
    [("mish", "Mish", 18), ("gelu", "Gelu", 20), ("gelu_tanh", "Gelu", 20), ("silu", "Swish", 24)],
)
def test_an_operator_is_used_from_its_opset_on(name: str, operator: str, since: int) -> None:
    for opset in OPSETS:
        found = operators(graph_nodes(formula_of(name), opset))
        assert (found == (operator,)) == (opset >= since)
    onnx.defs.get_schema(operator, since, "")
    with pytest.raises(onnx.defs.SchemaError):
        onnx.defs.get_schema(operator, since - 1, "")


def test_attributes_are_those_of_the_parameters() -> None:
    (node,) = function_to_onnx("leaky_relu", negative_slope=0.2).graph.node
    assert node.attribute[0].f == np.float32(0.2)
    (node,) = function_to_onnx("quick_gelu", opset=24).graph.node
    assert node.attribute[0].f == np.float32(1.702)


def test_a_function_of_your_own_is_recognised_or_printed() -> None:
    actlas.define("my_mish", "x * tanh(softplus(x))")
    actlas.define("my_bump", "x * exp(-b * x * x)", b=2.0)
    try:
        assert [n.op_type for n in function_to_onnx("my_mish").graph.node] == ["Mish"]
        formula = formula_of("my_bump", b=3.0)
        (found,) = run([(formula, graph_nodes(formula, 18))], WIDE, 18)
        assert not worst(formula, found)
    finally:
        actlas.forget("my_mish")
        actlas.forget("my_bump")


# ---------------------------------------------------------------- whole models of one function

TORCH = [entry for entry in ONE if "torch" in entry.tags]


@cache
def halves(dtype: str) -> dict[str, Any]:
    """Return what float16 or bfloat16 graphs give for every finite input."""
    x = _finite(dtype)
    forms = [(f, _between_casts(f, dtype)) for f in (formula_of(e.name) for e in TORCH)]
    return {f.name: y for (f, _), y in zip(forms, run(forms, x.astype(np.float32)), strict=True)}


def _finite(dtype: str) -> Any:
    x = HALVES[dtype].every_input()
    return x[np.isfinite(x)]


def _between_casts(formula: Formula, dtype: str) -> list[Node]:
    inside = [n.renamed({"x": "half_x", RESULT: "half"}) for n in graph_nodes(formula, 24, dtype)]
    code = getattr(onnx.TensorProto, DTYPES[dtype])
    return [Node("Cast", ("x",), "half_x", (("to", code),)), *inside,
            Node("Cast", ("half",), RESULT, (("to", onnx.TensorProto.FLOAT),))]  # fmt: skip


@pytest.mark.parametrize("dtype", list(HALVES))
@over(TORCH)
def test_half_precision_is_rounded_once(entry: Definition, dtype: str) -> None:
    """Against the correctly rounded values: one step, or what float32 may lose before it."""
    x, found, half = _finite(dtype), halves(dtype)[entry.name], HALVES[dtype]
    wanted = half.rounded(formula_of(entry.name)(x))
    with np.errstate(invalid="ignore"):
        near = np.abs(found - wanted) <= half.step(wanted) + ALLOWED * np.maximum(1, np.abs(x))
    assert np.all(near | (found == wanted))


# ---------------------------------------------------------------- models of one function


def test_a_model_keeps_any_shape_of_its_rank(tmp_path: Path) -> None:
    path = tmp_path / "telu.onnx"
    function_to_onnx("telu", path, opset=18, rank=3)
    session = runtime.InferenceSession(path)
    x = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
    (found,) = session.run(None, {"x": x})
    np.testing.assert_allclose(found, actlas.get("telu")(x), atol=ALLOWED)


def test_a_module_brings_what_it_learned() -> None:
    module = actlas.nn.create("swish")
    with torch.no_grad():
        module.beta.fill_(1.75)
    (node,) = function_to_onnx(module, opset=24).graph.node
    assert (node.op_type, node.attribute[0].f) == ("Swish", 1.75)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: function_to_onnx("gelo"), "'gelu'"),
        (lambda: function_to_onnx("gelu", opset=17), "from 18 to 24, got 17"),
        (lambda: function_to_onnx("gelu", opset=25), "from 18 to 24, got 25"),
        (lambda: function_to_onnx("gelu", opset="20"), "must be an integer"),
        (lambda: function_to_onnx("gelu", dtype="float64"), "got 'float64'"),
        (lambda: function_to_onnx("gelu", dtype="int8"), "got 'int8'"),
        (lambda: function_to_onnx("gelu", rank=-1), "rank"),
        (lambda: function_to_onnx("elu", alpha=-1), "alpha must be"),
        (lambda: function_to_onnx("elu", alpah=1), "'alpha'"),
        (lambda: function_to_onnx("maxout"), "structured unit"),
        (lambda: function_to_onnx(actlas.nn.create("maxout", num_pieces=2)), "structured unit"),
        (lambda: function_to_onnx(torch.nn.GELU()), "no function of actlas"),
        (lambda: function_to_onnx(actlas.get("elu"), alpha=2), "parameters go with a name"),
        (lambda: function_to_onnx(3), "got 3"),
        (lambda: function_to_onnx(actlas.nn.create("prelu", num_parameters=3)), "3 values"),
        (lambda: function_to_onnx("gelu", "/nowhere/gelu.onnx"), "cannot write"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(actlas.ActlasError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(actlas.ActlasError, match=r"pip install \"actlas\[export\]\""):
        function_to_onnx("gelu")
