"""The table of dialects against the libraries themselves, and what each name is found to be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import actlas
from actlas import identify
from actlas.expr.parse import parse
from actlas.surgery.identification import (
    Dialect,
    Identity,
    dialects,
    find_dialect,
    libraries,
)
from actlas.surgery.identification.curves import grid
from actlas.surgery.identification.names import formula_function, named_subject
from actlas.surgery.identification.pairs import Pair
from actlas.surgery.identification.probe import probe
from tests.support.peers import peer

pytestmark = pytest.mark.filterwarnings("ignore")  # what other packages warn of is not ours

ALL = dialects()
IDS = [dialect.label for dialect in ALL]
X = grid(points=400)
BLOCKS = {d.name for d in ALL if d.library == "hf" and d.gate} | {"gated-gelu"}  # not in ACT2FN


def of(library: str) -> list[Any]:
    own = [d for d in ALL if d.library == library and d.name not in BLOCKS]
    return [pytest.param(d, id=d.label) for d in own]


@cache
def identity(label: str) -> Identity:
    return identify(label)


def formula(dialect: Dialect) -> np.ndarray:
    return np.asarray(formula_function(dialect.formula, dialect.parameters)(X)[0])


def agree(found: torch.Tensor, dialect: Dialect, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(found.detach().double().numpy(), formula(dialect), 1e-7, atol)


# -------------------------------------------------------------------------------------- the table


def test_the_table_is_whole() -> None:
    assert len(ALL) > 200
    labels = Counter(label.lower() for label in IDS if not label.endswith("LeakyReLU"))
    assert max(labels.values()) == 1, "a name stands twice"
    assert {dialect.library for dialect in ALL} == set(libraries())
    for dialect in ALL:
        assert dialect.about
        assert dialect.source
        assert bool(dialect.formula) != bool(dialect.gate and dialect.linear and dialect.layout)
        for text in filter(None, (dialect.formula, dialect.gate, dialect.linear)):
            parse(text, frozenset({"x", *dialect.parameters}))
            assert dialect.gate or all(name in text for name in dialect.parameters)


@pytest.mark.parametrize("dialect", ALL, ids=IDS)
def test_every_name_is_identified_or_named_with_the_nearest(dialect: Dialect) -> None:
    found = identity(dialect.label)
    assert found.subject == dialect.label
    assert found.id in actlas.names() or found.id in actlas.nn.structured.units()
    assert np.isfinite(found.difference)
    assert found.known or "nearest is" in str(found)
    if found.known and found.scale == (1, 1, 0, 0):
        made_of_it(dialect, found)


def made_of_it(dialect: Dialect, found: Identity) -> None:
    """Compare the module made of an identity with the formula of the dialect."""
    made: Any = named_subject(dialect.label, None, {})
    x = torch.linspace(-4, 4, 64, dtype=torch.float64)
    if isinstance(made, Pair):
        gate, linear = x, x.flip(0)
        both = (linear, gate) if dialect.layout == "gate_second" else (gate, linear)
        ours = found.create(layout="two_tensors")(gate, linear)
        truth = made.function(*(half.numpy() for half in both))
    else:
        ours, truth = found.create()(x).detach(), made.function(x.numpy())[0]
    np.testing.assert_allclose(ours.numpy(), truth, 1e-5, found.difference + 1e-6)


def test_how_many_are_known() -> None:
    """Of all names, those that the catalogue lacks; a new gap is to be seen."""
    missing = {label for label in IDS if not identity(label).known}
    assert missing <= {
        "hf:sqrtsoftplus", "hf:xielu", "keras:exponential", "keras2:exponential",
    }  # fmt: skip


def test_nine_gelus_are_four_functions() -> None:
    named = [d for d in ALL if d.library == "hf" and "gelu" in d.name and not d.gate
             and d.name != "gated-gelu"]  # fmt: skip
    assert len(named) == 9
    assert {identify(d.label).id for d in named} == {"gelu", "gelu_tanh", "quick_gelu"}
    clipped = identify("hf:gelu_10")
    assert "outside the interval they part" in str(clipped)


def test_the_hard_sigmoids_differ() -> None:
    ids = {label: identify(label).id for label in ("keras:hard_sigmoid", "keras2:hard_sigmoid")}
    assert ids == {"keras:hard_sigmoid": "hard_sigmoid", "keras2:hard_sigmoid":
                   "hard_sigmoid_keras2"}  # fmt: skip
    assert identify("onnx:HardSigmoid").id == "hard_sigmoid_keras2"
    assert identify("keras:sparse_sigmoid").text == "hard_sigmoid(3*x)"


def test_options_and_parameters() -> None:
    assert identify("onnx:LeakyRelu", alpha=0.3).parameters == {"negative_slope": 0.3}
    assert identify("LeakyRelu(alpha=0.3)", library="ONNX").subject == "ONNX:LeakyRelu(alpha=0.3)"
    assert identify("gelu", library="jax", approximate=False).id == "gelu"
    assert identify("keras:leaky_relu").parameters == {"negative_slope": 0.2}
    assert identify("keras:LeakyReLU").parameters == {"negative_slope": 0.3}
    assert identify("hf:gpt_oss(limit=5)").parameters["limit"] == 5.0
    assert identify("torch:hardtanh(min_val=0)").parameters == {"min_val": 0.0}
    assert identify("torch:ELU", alpha=2.0).text == "elu(alpha=2)"
    assert find_dialect("gelu", "Flax", {}).library == "jax"


def test_names_without_a_library() -> None:
    plain = identify("gelu")
    assert (plain.id, plain.difference) == ("gelu", 0.0)
    assert "another function by this name: jax:gelu (0.00047" in str(plain)
    assert not identify("telu").notes
    assert identify("elu(alpha=2)").parameters == {"alpha": 2.0}
    assert identify("sqrtsoftplus").notes[0].startswith("Hugging Face")
    assert identify("swiglu").id == "swiglu"
    with pytest.raises(actlas.ActlasError, match="library itself"):
        identify("jax:gelu", library="keras")


# ------------------------------------------------------------------------- the libraries themselves


@pytest.mark.parametrize("dialect", of("hf"))
def test_transformers(dialect: Dialect) -> None:
    module = peer("transformers.activations").ACT2FN[dialect.name]
    rough = any(p.dtype == torch.bfloat16 for p in module.parameters())  # xIELU: 0.8 is not in it
    agree(module.double()(torch.tensor(X)), dialect, atol=0.4 if rough else 1e-7)


def test_the_table_has_all_of_transformers() -> None:
    keys = set(peer("transformers.activations").ACT2CLS)
    assert len(keys) >= 24
    assert keys - _registered() <= {d.name for d in ALL if d.library == "hf"}


def _registered() -> set[str]:
    """Return the names that actlas.integrations may have added in this process."""
    return {name for entry in actlas.catalogue.load().values()
            for name in (entry.name, *entry.aliases)}  # fmt: skip


@pytest.mark.parametrize("dialect", of("timm"))
def test_timm(dialect: Dialect) -> None:
    layers = peer("timm.layers")
    module = layers.create_act_layer(dialect.name).double()
    agree(module(torch.tensor(X)), dialect)
    if dialect.name not in ("identity", "prelu"):
        agree(layers.get_act_fn(dialect.name)(torch.tensor(X)), dialect)


def test_the_table_has_all_of_timm() -> None:
    create_act = peer("timm.layers.create_act")
    keys = {*create_act._ACT_FN_DEFAULT, *create_act._ACT_LAYER_DEFAULT}
    assert keys - _registered() <= {d.name for d in ALL if d.library == "timm"}


@pytest.mark.parametrize("dialect", of("keras"))
def test_keras(dialect: Dialect) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = peer("keras")
    function = getattr(keras.activations, dialect.name, None)
    if function is None:
        layer = getattr(keras.layers, dialect.name, None)
        function = layer() if layer else keras.activations.get(dialect.name)
    _compare(dialect, lambda *x, **o: function(torch.tensor(x[0]), **o).detach().numpy())


@pytest.mark.parametrize("dialect", of("jax"))
def test_jax(dialect: Dialect) -> None:
    function = getattr(peer("jax.nn"), dialect.name)
    _compare(dialect, lambda *x, **o: np.asarray(function(x[0].astype(np.float32), **o)))


@pytest.mark.parametrize("dialect", of("onnx"))
def test_onnx(dialect: Dialect) -> None:
    helper, reference = peer("onnx.helper"), peer("onnx.reference")
    given = {**dialect.parameters, **dialect.options}

    def run(*x: np.ndarray, **_: Any) -> np.ndarray:
        names = [f"x{i}" for i in range(len(x))]
        node = helper.make_node(dialect.name, names, ["y"], **given)
        inputs = [helper.make_tensor_value_info(name, 1, None) for name in names]
        graph = helper.make_graph([node], "one", inputs,
                                  [helper.make_tensor_value_info("y", 1, None)])  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 28)])
        single = [value.astype(np.float32) for value in x]
        fed = dict(zip(names, single, strict=True))
        return reference.ReferenceEvaluator(model).run(None, fed)[0]

    _compare(dialect, run)


def _compare(dialect: Dialect, function: Callable[..., np.ndarray]) -> None:
    """Compare a function of a library, in single precision, with the table."""
    options = {name: {"True": True, "False": False}.get(value, value)
               for name, value in dialect.options.items()}  # fmt: skip
    if not dialect.gate:
        found, truth = function(X, **options), formula(dialect)
    else:
        pair: Any = named_subject(dialect.label, None, {})
        a, b = X, X[::-1].copy()
        truth = pair.function(a, b)
        packed = pair.packed != ""
        found = function(np.stack([a, b], 1))[:, 0] if packed else function(a, b)
    np.testing.assert_allclose(found, truth, 2e-6, 2e-6)


# --------------------------------------------------------------------- objects of real packages


@pytest.mark.parametrize("dialect", of("hf"))
def test_objects_of_transformers(dialect: Dialect) -> None:
    """A module of transformers is found to be what its name is found to be."""
    module = peer("transformers.activations").ACT2FN[dialect.name]
    found, named = identify(module), identify(dialect.label)
    assert found.known == named.known
    assert found.id == named.id
    assert found.difference == pytest.approx(named.difference, rel=0.1, abs=1e-6)


def test_objects_of_timm() -> None:
    create_act = peer("timm.layers.create_act")
    seen = 0
    for name in create_act._ACT_LAYER_DEFAULT:
        if name in {d.name for d in ALL if d.library == "timm"}:
            found, named = identify(create_act._ACT_LAYER_DEFAULT[name]), identity(f"timm:{name}")
            assert found.exact, name
            assert {found.id, *found.same_as} & {named.id, *named.same_as}, name
            seen += 1
    assert seen >= 19


# ------------------------------------------------------------------------------- planted faults


def test_a_wrong_formula_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """hf:gelu_new as the exact GELU, as several loaders have had it."""
    true = find_dialect("gelu_new", "hf", {})
    wrong = Dialect(**{**vars(true), "formula": "x*ncdf(x)"})
    with pytest.raises(AssertionError):
        test_transformers(wrong)
    monkeypatch.setattr("actlas.surgery.identification.names.find_dialect", lambda *_: wrong)
    with pytest.raises(AssertionError):
        test_objects_of_transformers(true)


def test_a_wrong_layout_is_seen() -> None:
    true = find_dialect("glu", "keras", {})
    pair: Mapping[str, str] = {**vars(true), "layout": "gate_first"}
    assert probe(torch.nn.functional.glu).packed == "halves"  # type: ignore[union-attr]
    wrong = Dialect(**pair)  # type: ignore[arg-type]
    from actlas.surgery.identification.names import _of_dialect

    a, b = X, X[::-1].copy()
    theirs = torch.nn.functional.glu(torch.tensor(np.stack([a, b], 1)), 1).numpy()[:, 0]
    for dialect, same in ((true, True), (wrong, False)):
        ours: Any = _of_dialect(dialect, "")
        assert np.allclose(ours.function(a, b), theirs) == same
