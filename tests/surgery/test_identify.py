"""`actlas.identify`: the right function and parameters, an honest difference, or a reason."""

from __future__ import annotations

import doctest
import functools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody uses
from torch import nn

import actlas
from actlas import identify
from actlas.catalogue import Definition, find
from actlas.errors import ActlasError
from actlas.surgery.identification import Identity, catalogue_curves, curves, fit, lookup, search
from actlas.surgery.identification.curves import of_one_input, values
from tests.conftest import ENTRIES, over

ROOT = Path(__file__).parents[2]
ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
DENSE = np.linspace(-10, 10, 20_001)


def farthest(found: Identity, function: Any, x: np.ndarray = DENSE) -> float:
    """Return the largest difference between a function and what it was said to be."""
    entry = find(found.id)
    a, b, c, d = found.scale
    told = a * values(entry, entry.bind(found.parameters), b * x + d) + c
    with torch.no_grad():
        return float(np.abs(function(torch.tensor(x)).double().numpy() - told).max())


# ------------------------------------------------------------------ the catalogue knows itself


@over(ONE)
def test_every_function_is_recognised_without_its_name(entry: Definition) -> None:
    """As a nameless function; of functions that are equal at their defaults any one will do."""
    function = actlas.functional.function_of(entry)
    found = identify(lambda x: function(x))
    assert found.exact, str(found)
    assert found.scale == (1, 1, 0, 0), str(found)
    assert found.difference <= 1e-6 * np.abs(values(entry, entry.bind({}), DENSE)).max()
    same = values(entry, entry.bind({}), DENSE)
    told = find(found.id)
    other = values(told, told.bind(found.parameters), DENSE)
    np.testing.assert_allclose(other, same, rtol=1e-6, atol=1e-6)


@over([entry for entry in ONE if entry.parameters])
def test_the_parameters_of_a_module_are_read_off(entry: Definition) -> None:
    """Away from their defaults, by name; the module's own function is preferred."""
    moved = {name: _moved(entry, name) for name in entry.parameters}
    module = actlas.nn.create(entry.name, **moved)
    found = identify(module)
    bound = find(found.id).bind(found.parameters)
    assert found.exact, str(found)
    if found.id == entry.name:
        for name, value in moved.items():
            told = bound[name]
            assert told == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6))


def _moved(entry: Definition, name: str) -> Any:
    """Return a value that is not the default and is in the domain."""
    parameter = entry.parameters[name]
    if parameter.choices:
        return parameter.choices[-1]
    if parameter.is_vector:
        return tuple(value + 0.125 for value in parameter.default)  # type: ignore[union-attr]
    inside = [parameter.default * f for f in (1.25, 0.75)]  # type: ignore[operator]
    return next((v for v in [*inside, 0.375] if v in parameter.domain and v != parameter.default),
                parameter.default)  # fmt: skip


# -------------------------------------------------------------------------------- PyTorch's modules

WITH_PARAMETERS: list[tuple[nn.Module, str, dict[str, Any]]] = [
    (nn.LeakyReLU(0.2), "leaky_relu", {"negative_slope": 0.2}),
    (nn.ELU(0.5), "elu", {"alpha": 0.5}),
    (nn.CELU(2.0), "celu", {"alpha": 2.0}),
    (nn.Softplus(2.0), "softplus", {"beta": 2.0}),
    (nn.Hardtanh(-2.0, 3.0), "hardtanh", {"min_val": -2.0, "max_val": 3.0}),
    (nn.Hardtanh(0.0, 6.0), "hardtanh", {"min_val": 0.0, "max_val": 6.0}),
    (nn.Hardshrink(0.3), "hardshrink", {"lambd": 0.3}),
    (nn.Softshrink(0.7), "softshrink", {"lambd": 0.7}),
    (nn.Threshold(0.3, 2.0), "threshold", {"threshold": 0.3, "value": 2.0}),
    (nn.RReLU(0.1, 0.5), "rrelu_eval", {"lower": 0.1, "upper": 0.5}),
    (nn.GELU(approximate="tanh"), "gelu", {"approximate": "tanh"}),
    (nn.PReLU(init=0.4), "prelu", {"a": 0.4}),
    (nn.PReLU(3, init=0.4), "prelu", {"a": 0.4}),
]


@pytest.mark.parametrize(("module", "name", "parameters"), WITH_PARAMETERS,
                         ids=[repr(module) for module, _, _ in WITH_PARAMETERS])  # fmt: skip
def test_parameters_of_torch_modules(
    module: nn.Module, name: str, parameters: dict[str, Any]
) -> None:
    found = identify(module)
    assert (found.id, found.exact) == (name, True), str(found)
    for key, value in parameters.items():
        told = found.parameters[key]
        assert told == value if isinstance(value, str) else told == pytest.approx(value, rel=1e-6)
    x = torch.linspace(-5, 5, 96).reshape(8, 3, 4)
    torch.testing.assert_close(found.create()(x), module.eval()(x), rtol=1e-5, atol=1e-5)


def test_a_slope_for_every_channel() -> None:
    module = nn.PReLU(3)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.1, 0.5, -0.2]))
    found = identify(module)
    assert (found.id, found.exact) == ("prelu", True)
    np.testing.assert_allclose(np.ravel(found.parameters["a"]), [0.1, 0.5, -0.2], rtol=1e-6)
    assert "prelu(a=(0.1, 0.5, -0.2))" in str(found)
    with pytest.raises(ActlasError, match="num_parameters"):
        found.create()
    ours = actlas.nn.create("swish", num_parameters=2)
    with torch.no_grad():
        ours.beta.copy_(torch.tensor([0.5, 2.0]))
    assert identify(ours).exact


def test_every_activation_of_torch_has_an_answer() -> None:
    """torch.nn.modules.activation: identified, or refused because it mixes elements."""
    from torch.nn.modules import activation

    given = {"Threshold": (0.1, 20.0), "MultiheadAttention": (4, 1)}
    refused = {"MultiheadAttention", "Softmax", "Softmax2d", "Softmin", "LogSoftmax"}
    seen = set()
    for name in activation.__all__:
        cls = getattr(activation, name)
        module = cls(*given.get(name, (1,) if "Softm" in name and name != "Softmax2d" else ()))
        if name in refused:
            with pytest.raises(
                ActlasError, match=r"not element-wise|takes 3 inputs|cannot be called"
            ):
                identify(module)
        else:
            assert identify(module).exact, name
            seen.add(name)
    assert len(seen) >= 23


# -------------------------------------------------------------------------------------- callables


class Steep(nn.Module):
    """A user's module, with a number under its own name."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, self.alpha * torch.expm1(x))


def _closure(beta: float) -> Any:
    return lambda x: x * torch.sigmoid(beta * x)


CALLABLES: dict[str, tuple[Any, str]] = {
    "F.gelu": (F.gelu, "gelu"),
    "torch.relu": (torch.relu, "relu"),
    "in place": (torch.relu_, "relu"),
    "partial": (functools.partial(F.leaky_relu, negative_slope=0.3),
                "leaky_relu(negative_slope=0.3)"),
    "partial of a built-in": (functools.partial(F.gelu, approximate="tanh"),
                              "gelu(approximate='tanh')"),
    "math": (math.tanh, "tanh"),
    "NumPy": (np.arctan, "arctan"),
    "method": (torch.Tensor.sigmoid, "sigmoid"),
    "a class": (nn.Mish, "mish"),
    "a user's module": (Steep(0.5), "elu(alpha=0.5)"),
    "a closure": (_closure(2.5), "swish(beta=2.5)"),
    "a function with a default": (lambda x, negative_slope=0.2: F.leaky_relu(x, negative_slope),
                                  "leaky_relu(negative_slope=0.2)"),
    "single precision only": (lambda x: F.silu(x) if x.dtype == torch.float32 else None.x, "silu"),
    "an activation": (actlas.get("elu", alpha=0.5), "elu(alpha=0.5)"),
    "dropout": (nn.Dropout(), "identity"),
    "compiled": (torch.compile(nn.SiLU(), backend="eager"), "silu"),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLABLES)
def test_callables_of_all_kinds(case: str) -> None:
    thing, text = CALLABLES[case]
    found = identify(thing)
    assert found.text == text, str(found)
    assert found.exact


def test_what_was_found_is_said() -> None:
    text = str(identify(nn.LeakyReLU(0.2)))
    assert text.startswith(
        "LeakyReLU(negative_slope=0.2) is leaky_relu(negative_slope=0.2): no diff"
    )
    assert "on [-10, 10]" in text
    assert re.search(r"\n  next: \w+.* \(0\.\d+ away\), \w+", text)
    assert "the same as" in str(identify(torch.tanh))
    assert "single precision" in str(identify(CALLABLES["single precision only"][0]))
    assert "in training mode" in str(identify(nn.RReLU()))
    assert "in training mode" not in str(identify(nn.GELU()))
    slope = identify(actlas.get("softplus").derivative())
    assert (slope.subject, slope.id) == ("softplus'", "sigmoid")
    module = nn.PReLU(2)
    assert json.loads(json.dumps(identify(module).as_dict()))["id"] == "prelu"
    frozen = identify(nn.GELU())
    with pytest.raises(AttributeError):
        frozen.id = "relu"  # type: ignore[misc]


# ------------------------------------------------------------------------- what nobody has named


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x * torch.sigmoid(1.7 * x), "quick_gelu(k=1.7)"),
        (lambda x: F.leaky_relu(x, 0.17), "leaky_relu(negative_slope=0.17)"),
        (lambda x: F.softplus(x, 3.0, 1e9), "softplus(beta=3)"),
        (lambda x: 3 * F.silu(2 * x), "3*silu(2*x)"),
        (lambda x: -0.5 * F.mish(x), "-0.5*mish(x)"),
        (lambda x: 2 * torch.tanh(x - 1) + 0.3, "2*tanh(x - 1) + 0.3"),
        (lambda x: F.gelu(-x), "gelu(-x)"),
        (lambda x: 2 * x + 1, "2*identity(x) + 1"),
        (torch.special.erf, "2*probit(1.41421*x) - 1"),
        (lambda x: 1e-4 * F.gelu(x), "0.0001*gelu(x)"),
        (lambda x: 1e6 * torch.sigmoid(x), "1e+06*sigmoid(x)"),
    ],
    ids=[
        "k",
        "slope",
        "beta",
        "scale",
        "factor",
        "shift",
        "mirrored",
        "line",
        "erf",
        "tiny",
        "huge",
    ],
)
def test_parameters_and_scales_are_fitted(function: Any, text: str) -> None:
    found = identify(function)
    assert found.text == text, str(found)
    assert found.exact
    size = float(function(torch.tensor(DENSE)).abs().max())
    assert farthest(found, function) <= 1e-6 * size


def test_near_serf() -> None:
    """The sentence of the issue, and the difference against a grid of our own."""

    def mine(x: torch.Tensor) -> torch.Tensor:
        return x * torch.erf(F.softplus(x)) + 8e-4 * torch.sin(3 * x) * torch.exp(-(x**2) / 8)

    found = identify(mine)
    assert (found.id, found.known, found.exact) == ("serf", True, False)
    assert str(found).startswith("mine is within 0.000")
    assert "of serf on [-10, 10], farthest at x = " in str(found)
    truth = farthest(found, mine)
    assert found.difference == pytest.approx(truth, rel=1e-4)
    assert abs(float(mine(torch.tensor(found.at, dtype=torch.float64))) -
               actlas.get("serf")(found.at)) == pytest.approx(truth, rel=1e-4)  # fmt: skip
    strict = identify(mine, tolerance=1e-5)
    assert not strict.known
    assert "not in the catalogue; the nearest is" in str(strict)
    with pytest.raises(ActlasError, match="nearest is"):
        strict.create()


def test_the_difference_is_the_largest_there_is() -> None:
    """A narrow spike between two points of the grid is outside what can be seen; a wide one not."""
    for place in (-7.03, 0.411, 8.77):

        def bumpy(x: torch.Tensor, place: float = place) -> torch.Tensor:
            return F.silu(x) + 5e-4 * torch.exp(-(((x - place) / 0.05) ** 2))

        found = identify(bumpy)
        assert found.id == "silu"
        assert found.difference == pytest.approx(5e-4, rel=1e-3)
        assert found.at == pytest.approx(place, abs=1e-3)


def test_beyond_the_interval_and_beside_the_parameters() -> None:
    clipped = identify(lambda x: F.gelu(x).clamp(-10, 10))
    assert clipped.exact
    assert "outside the interval they part" in str(clipped)
    assert not identify(lambda x: F.gelu(x).clamp(-10, 10), interval=(-20, 20)).exact
    bent = identify(nn.Softplus(1.0, threshold=3.0))
    assert (bent.id, bent.exact) == ("softplus", False)
    assert bent.difference == pytest.approx(math.log1p(math.exp(-3.0)), rel=1e-3)
    assert "softplus has no parameter for threshold = 3" in str(bent)
    half = identify(torch.sqrt)
    assert "finite on 50% of the interval only" in str(half)
    narrow = identify(lambda x: F.relu(x), interval=(1.0, 2.0))
    assert narrow.exact, "on the right a ReLU is the identity, and may be called so"


def test_your_own_functions_count() -> None:
    assert not identify(lambda x: torch.sin(x) * torch.exp(-torch.abs(x))).exact
    actlas.define("ringing", "sin(x)*exp(-abs(x))")
    try:
        assert identify(lambda x: torch.sin(x) * torch.exp(-torch.abs(x))).id == "ringing"
    finally:
        actlas.forget("ringing")
    assert identify("sin(x)*exp(-abs(x))").id != "ringing"


# ------------------------------------------------------------------------------- curves, and docs


def test_the_curves_are_shared_and_follow_the_catalogue() -> None:
    table = catalogue_curves()
    assert catalogue_curves() is table
    assert {curve.entry for curve in table.curves} == set(of_one_input())
    assert table.y.shape == (len(table.curves), len(table.x))
    assert np.isfinite(table.y).all()
    for curve, row in list(zip(table.curves, table.y, strict=True))[::10]:
        truth = actlas.get(curve.entry.name, **curve.parameters)(table.x)
        np.testing.assert_allclose(row, truth, rtol=1e-12, atol=1e-12)
    actlas.define("short_lived_curve", "x*x*x")
    try:
        assert catalogue_curves() is not table
    finally:
        actlas.forget("short_lived_curve")


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_finds_what_was_hidden(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(0.5, 2, 3)
    x = np.linspace(-5, 5, 200)

    def model(v: np.ndarray, x: np.ndarray) -> np.ndarray:
        return v[0] * np.tanh(v[1] * x + v[2])

    vector, left = fit.fit(model, x, model(hidden, x), np.ones(3), 40)
    np.testing.assert_allclose(vector, hidden, rtol=1e-6)
    assert left < 1e-12


def test_the_page_of_the_docs_runs() -> None:
    result = doctest.testfile(str(ROOT / "docs" / "identify.md"), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0


# ------------------------------------------------------------------------------- planted faults


def test_a_wrong_curve_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue whose table were wrong in one place would not know that function again."""
    true = curves.values
    wrong = find("mish")

    def planted(entry: Definition, parameters: Any, x: np.ndarray) -> np.ndarray:
        return true(entry, parameters, x) + (0.01 if entry is wrong else 0)

    for module in (curves, fit):
        monkeypatch.setattr(module, "values", planted)
    monkeypatch.setattr("actlas.surgery.identification.match.values", planted)
    curves._curves.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_every_function_is_recognised_without_its_name(wrong)
    finally:
        curves._curves.cache_clear()


def test_hints_that_are_not_used_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_named", lambda *_: {})
    with pytest.raises(AssertionError):
        test_a_slope_for_every_channel()


def test_a_difference_that_is_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_refined", lambda *_: (1e-9, 0.0))
    with pytest.raises(AssertionError):
        test_the_difference_is_the_largest_there_is()
