"""Gains and slopes of every function, against tables made elsewhere and by a second way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import actlas
from actlas import init
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.facts import facts_of
from actlas.init.profile import profile_of
from tests.conftest import ENTRIES, over

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
TWO = [entry for entry in ENTRIES if len(entry.inputs) == 2]
ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "references" / "moments.json").read_text()
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}-{row['params']}")
def test_all_modes_follow_from_the_reference_moments(row: dict[str, Any]) -> None:
    parameters = {k: tuple(v) if isinstance(v, list) else v for k, v in row["params"].items()}
    name, (mean, forward, backward) = row["name"], (
        float(row[key]) for key in ("mean", "second_moment", "derivative_second_moment")
    )  # fmt: skip

    def close(found: float, moment: float) -> None:
        assert found == pytest.approx(moment**-0.5, rel=1e-8)

    close(init.gain(name, **parameters), forward)
    close(init.gain(name, mode="backward", **parameters), backward)
    close(init.gain(name, mode="compromise", **parameters), (forward + backward) / 2)
    centred = init.gain(name, centred=True, **parameters)
    assert centred == pytest.approx((forward - mean**2) ** -0.5, rel=1e-7)


# E f, E f**2, Var f and the gain, and the slopes of E f**2 and of Var f, as a table prints them.
PRINTED = {
    "relu": (0.398942, 0.5, 0.340845, 1.414214, 1, 1),
    "elu": (0.160521, 0.644945, 0.619179, 1.245198, 0.891, 0.860),
    "selu": (0, 1, 1, 1, 0.783, 0.783),
    "gelu": (0.282095, 0.425221, 0.345644, 1.533530, 1.144, 1.062),
    "silu": (0.206621, 0.355776, 0.313083, 1.676532, 1.173, 1.101),
    "mish": (0.240404, 0.452342, 0.394548, 1.486848, 1.076, 1.001),
    "softplus": (0.806059, 0.921246, 0.271515, 1.041867, 0.492, 1.056),
    "softsign": (0, 0.183014, 0.183014, 2.337533, 0.477, 0.477),
    "tanh": (0, 0.394294, 0.394294, 1.592537, 0.461, 0.461),
    "sigmoid": (0.5, 0.293379, 0.043379, 1.846229, 0.106, 0.719),
    "hardswish": (0.166217, 0.331567, 0.303939, 1.736657, 1.224, 1.156),
    "telu": (0.262132, 0.529094, 0.460381, 1.374782, 0.956, 0.879),
    "sine": (0, 0.432332, 0.432332, 1.520867, 0.313, 0.313),
    "lisht": (0.605706, 0.757890, 0.391011, 1.148674, 1.268, 1.144),
}


@pytest.mark.parametrize("name", PRINTED)
def test_variances_and_slopes_as_printed(name: str) -> None:
    mean, second, variance, gain, slope, centred = PRINTED[name]
    assert actlas.get(name).facts.mean == pytest.approx(mean, abs=6e-7)
    assert init.gain(name) ** -2 == pytest.approx(second, abs=1e-6)
    assert init.gain(name) == pytest.approx(gain, abs=1e-6)
    assert init.gain(name, centred=True) ** -2 == pytest.approx(variance, abs=1e-6)
    assert init.stability_slope(name) == pytest.approx(slope, abs=6e-4)
    assert init.stability_slope(name, centred=True) == pytest.approx(centred, abs=6e-4)


def test_closed_forms() -> None:
    assert init.gain("relu") == pytest.approx(math.sqrt(2), rel=1e-14)
    assert init.gain("relu", centred=True) == pytest.approx((0.5 - 0.5 / math.pi) ** -0.5)
    assert init.gain("sine") == pytest.approx(((1 - math.exp(-2)) / 2) ** -0.5, rel=1e-13)
    assert init.gain("identity") == pytest.approx(1, rel=1e-14)
    assert actlas.get("gelu").facts.mean == pytest.approx(0.5 / math.sqrt(math.pi), rel=1e-13)
    for mode in ("forward", "backward", "compromise"):
        slope = init.gain("leaky_relu", mode=mode, negative_slope=0.2)
        assert slope == pytest.approx((0.5 * (1 + 0.04)) ** -0.5, rel=1e-13)


@over(ONE)
def test_every_function_by_a_second_way(entry: Definition) -> None:
    """The module is integrated on tensors with autograd, the name from its expression."""
    name, module = entry.name, actlas.nn.create(entry.name)
    assert init.gain(name) == pytest.approx(facts_of(entry).gain, rel=1e-12)
    assert init.gain(module) == pytest.approx(init.gain(name), rel=1e-6)  # float32 parameters
    assert init.gain(actlas.get(name)) == init.gain(name)
    said, found = profile_of(name, {}), profile_of(nn.Sequential(module), {})  # hides what it is
    for moment in ("mean", "second_moment", "slope_second_moment", "radial", "drift"):
        size = said.second_moment if moment != "slope_second_moment" else said.slope_second_moment
        assert getattr(found, moment) == pytest.approx(
            getattr(said, moment), rel=2e-3, abs=2e-3 * size
        ), moment


def test_slope_of_a_function_that_jumps() -> None:
    """E f(sqrt(q) z)**2 = 2q (t phi(t) + 1 - Phi(t)), t = lambd/sqrt(q), for hardshrink."""

    def log_moment(q: float, lambd: float = 0.5) -> float:
        t = lambd / math.sqrt(q)
        density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
        return math.log(q * (2 * t * density + math.erfc(t / math.sqrt(2))))

    slope = (log_moment(1.001) - log_moment(0.999)) / math.log(1.001 / 0.999)
    assert init.stability_slope("hardshrink", lambd=0.5) == pytest.approx(slope, rel=1e-5)


@over([entry for entry in ONE if facts_of(entry).smoothness != "discontinuous"])
def test_the_slope_is_that_of_the_moment(entry: Definition) -> None:
    """By a difference: f(sqrt(q) z) at two q, integrated as a function of its own."""
    step = 1e-3
    function = actlas.get(entry.name)
    moments = [init.gain(lambda z, q=q: function(z * q**0.5)) ** -2 for q in (1 - step, 1 + step)]
    slope = math.log(moments[1] / moments[0]) / math.log((1 + step) / (1 - step))
    assert init.stability_slope(entry.name) == pytest.approx(slope, abs=2e-3, rel=2e-3)


@over(TWO)
def test_functions_of_two_inputs(entry: Definition) -> None:
    """By samples; the normalised operators are made to have mean 0 and variance 1."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 400_000, generator=generator, dtype=torch.float64)
    f = actlas.get(entry.name)(x, y)
    assert init.gain(entry.name) ** -2 == pytest.approx(float((f**2).mean()), rel=0.01)
    assert init.gain(entry.name, centred=True) ** -2 == pytest.approx(float(f.var()), rel=0.01)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(actlas.get(entry.name)(x, y).sum(), x)
    backward = init.gain(entry.name, mode="backward") ** -2
    assert backward == pytest.approx(float((slope**2).mean()), rel=0.01)
    if "normal" in entry.description.lower() or entry.name.endswith("nail"):
        assert init.gain(entry.name) == pytest.approx(1, rel=1e-9)


def test_modules_and_callables_as_they_stand() -> None:
    assert init.gain(nn.GELU()) == pytest.approx(init.gain("gelu"), rel=1e-9)
    assert init.gain(torch.tanh, mode="backward") == pytest.approx(
        init.gain("tanh", mode="backward"), rel=1e-9
    )
    swish = actlas.nn.create("swish", num_parameters=3)
    with torch.no_grad():
        swish.beta.copy_(torch.tensor([0.5, 1.0, 2.0]))
    each = [init.gain("swish", beta=b) ** -2 for b in (0.5, 1.0, 2.0)]
    assert init.gain(swish) ** -2 == pytest.approx(sum(each) / 3, rel=1e-9)
    assert init.gain(nn.PReLU(5)) == pytest.approx(init.gain("prelu", a=0.25), rel=1e-9)
    assert init.gain(actlas.get("tanh").derivative()) ** -2 == pytest.approx(0.4644029024, rel=1e-9)
    assert init.gain(actlas.get("tanh").definition) == init.gain("tanh")


def test_measuring_a_module_leaves_it_alone() -> None:
    module, before = nn.Sequential(nn.PReLU(3), nn.ReLU(inplace=True)), torch.get_rng_state()
    init.gain(module)
    assert module[0].weight.dtype == torch.float32
    assert module[0].weight.grad is None
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: init.gain("gelo"), "Did you mean 'gelu'"),
    (lambda: init.gain("relu", mode="backwards"), "Did you mean 'backward'"),
    (lambda: init.gain("relu", slope=1), "relu has no parameter 'slope'"),
    (lambda: init.gain(nn.ReLU(), slope=1), "has its own"),
    (lambda: init.gain(nn.Softmax(-1)), "Softmax has no gain: it is not"),
    (lambda: init.gain(nn.Dropout(0.5)), "not a deterministic elementwise function"),
    (lambda: init.gain(nn.Linear(3, 3)), "Linear has no gain"),
    (lambda: init.gain(3), "int has no gain"),
    (lambda: init.gain("leaky_relu", negative_slope="x"), "must be a number"),
    (lambda: init.gain(lambda x: 0 * x), "second moment 0.0"),
    (lambda: init.gain(lambda x: 0 * x + 2, centred=True), "variance 0.0"),
    (lambda: init.stability_slope(lambda x: 0 * x), "no slope"),
])  # fmt: skip
def test_bad_input_is_one_sentence(call: Any, says: str) -> None:
    with pytest.raises(ActlasError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
