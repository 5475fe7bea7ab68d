"""PyNADA: one neuron and XOR, the doubled parameters, the zeroed branch, the fair control."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import count_parameters, networks
from actlas.models.pynada import PyNADA, pynada_char_cnn, pynada_lenet, pynada_mlp, pynada_vgg9
from actlas.nn import create
from actlas.nn.structured.pynada import PyNADALinear

CORNERS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = torch.tensor([0.0, 1.0, 1.0, 0.0])
BUILDERS = [pynada_mlp, pynada_lenet, pynada_vgg9, pynada_char_cnn]
NAMES = [builder.__name__ for builder in BUILDERS]
Builder = Callable[..., nn.Sequential]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def example(builder: Builder, batch: int = 3) -> Tensor:
    entry = networks()[builder.__name__]
    if entry.takes == "tokens":
        return torch.randint(0, 106, (batch, *entry.input), generator=seeded(7))
    return torch.randn(batch, *entry.input, generator=seeded(7))


# --------------------------------------------------------------------------------------------- XOR


def test_one_ada_neuron_computes_xor_in_closed_form() -> None:
    """w = (1, 1), b = 0, alpha = c = 10: x e^(10 - 10 x) is 0, 1, 2 e^-10 at the sums 0, 1, 2."""
    outputs = create("ada", alpha=10.0, c=10.0, learnable=False)(CORNERS.sum(1))
    torch.testing.assert_close(outputs, torch.tensor([0, 1, 1, 2 * torch.e**-10]))
    assert torch.equal((outputs > 0.5).float(), XOR)


def separates(name: str, restarts: int = 32, steps: int = 300) -> float:
    """Return in how many of the restarts one neuron f(w x + b) + c learns XOR, trained by BCE.

    Its output, behind a learned shift and sharpness, is the logit; all restarts train at once.
    """
    function = create(name)
    w = torch.randn(restarts, 2, generator=seeded(1)).requires_grad_()
    b = torch.randn(restarts, 1, generator=seeded(2)).requires_grad_()
    scale = torch.ones(restarts, 1).requires_grad_()
    shift = torch.zeros(restarts, 1).requires_grad_()
    optimiser = torch.optim.Adam([w, b, scale, shift], 0.05)

    def logits() -> Tensor:
        answer: Tensor = scale * function(w @ CORNERS.T + b) + shift
        return answer

    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits(), XOR.expand(restarts, -1), reduction="sum"
        )
        loss.backward()
        optimiser.step()
    right = ((logits() > 0).float() == XOR).all(1)
    return float(right.float().mean())


def test_one_ada_neuron_learns_xor_and_one_relu_neuron_cannot() -> None:
    assert separates("ada") > 0.15  # 10 of 32 restarts here
    assert separates("relu") == 0  # monotone: no line of it separates XOR, whatever is trained


# -------------------------------------------------------------------------------------- the neuron


def test_a_neuron_is_the_sum_of_two_branches() -> None:
    made, x = PyNADALinear(6, 4, alpha=0.7, c=0.5, generator=seeded()).double(), torch.randn(
        5, 6, generator=seeded(3), dtype=torch.float64)  # fmt: skip
    apical = x @ made.apical_layer.weight.T + made.apical_layer.bias  # type: ignore[operator, union-attr]
    basal = x @ made.basal_layer.weight.T + made.basal_layer.bias  # type: ignore[operator, union-attr]
    peaked = apical.clamp(min=0) * torch.exp(0.5 - 0.7 * apical)
    torch.testing.assert_close(made(x), peaked + basal.clamp(min=0))
    with pytest.raises(ActlasError, match="alpha must be positive, got -1"):
        PyNADALinear(6, 4, alpha=-1.0)
    with pytest.raises(ActlasError, match="last dimension must be 6"):
        made(x[:, :5])


# ------------------------------------------------------------------------------------ the networks


def neurons(net: nn.Module) -> Iterator[PyNADA]:
    return (module for module in net.modules() if isinstance(module, PyNADA))


@pytest.mark.parametrize("builder", BUILDERS, ids=NAMES)
def test_all_parameters_of_hidden_layers_double(builder: Builder) -> None:
    double, single = builder(), builder(neuron="single")
    hidden = sum(count_parameters(n.basal_layer) for n in neurons(double))
    assert hidden > 0.5 * count_parameters(single)
    assert count_parameters(double) == count_parameters(single) + hidden
    for neuron in neurons(double):
        assert count_parameters(neuron.apical_layer) == count_parameters(neuron.basal_layer)


def relu_twin(builder: Builder, double: nn.Module) -> nn.Module:
    """Return the ordinary ReLU network with the basal weights of a PyNADA network."""
    twin = builder(neuron="single", activation="relu").eval()
    basal = {
        key.replace("basal_layer", "0"): value
        for key, value in double.state_dict().items()
        if ".apical" not in key and ".basal." not in key
    }
    twin.load_state_dict(basal)
    return twin


@pytest.mark.parametrize("builder", BUILDERS, ids=NAMES)
def test_without_its_apical_branch_it_is_the_relu_network(builder: Builder) -> None:
    double = builder(basal="relu", generator=seeded()).eval()
    twin, x = relu_twin(builder, double), example(builder)
    assert not torch.allclose(double(x), twin(x))
    with torch.no_grad():
        for neuron in neurons(double):
            for parameter in neuron.apical_layer.parameters():
                parameter.zero_()
    torch.testing.assert_close(double(x), twin(x), rtol=0, atol=0)


@pytest.mark.parametrize("options", [{}, {"hidden": (100, 10)}, {"width": 64}], ids=str)
@pytest.mark.parametrize("builder", BUILDERS, ids=NAMES)
def test_the_control_has_the_same_parameters(builder: Builder, options: dict[str, Any]) -> None:
    if not set(options) <= set(networks()[builder.__name__].options):
        options = {}
    with torch.device("meta"):
        wanted = count_parameters(builder(**options))
        control = builder(neuron="control", **options)
    assert abs(count_parameters(control) / wanted - 1) < 0.01
    assert not list(neurons(control))


def test_a_control_of_the_old_width_would_be_seen() -> None:
    single = count_parameters(pynada_lenet(neuron="single"))
    assert abs(single / count_parameters(pynada_lenet()) - 1) > 0.4


def test_a_learned_alpha_is_one_for_the_whole_network() -> None:
    fixed, learned = pynada_lenet(), pynada_lenet(learnable=True)
    assert count_parameters(learned) == count_parameters(fixed) + 1
    words = pynada_char_cnn()
    alphas = {id(n.apical.alpha) for n in neurons(words)}
    functions = {type(n.apical).__name__ for n in neurons(words)}
    assert len(alphas) == 1
    assert len(functions) == 2  # the leaky one in the dense layers, with the same alpha
    twin = copy.deepcopy(words)
    assert len({id(n.apical.alpha) for n in neurons(twin)}) == 1
    words(example(pynada_char_cnn)).sum().backward()
    assert next(neurons(words)).apical.alpha.grad.abs() > 0  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("builder", BUILDERS, ids=NAMES)
def test_weights_come_from_the_generator(builder: Builder) -> None:
    made = [builder(generator=seeded(seed)) for seed in (1, 1, 2)]
    weights = [next(neurons(net)).apical_layer.weight for net in made]
    assert torch.equal(weights[0], weights[1])  # type: ignore[arg-type]
    assert not torch.equal(weights[0], weights[2])  # type: ignore[arg-type]


def test_bad_options_are_refused() -> None:
    with pytest.raises(ActlasError, match="Did you mean 'pynada'"):
        pynada_lenet(neuron="pynad")
    with pytest.raises(ActlasError, match="length must be at least 69, got 68"):
        pynada_char_cnn(length=68)
    pynada_char_cnn(length=69)(torch.zeros(1, 69, dtype=torch.long))
    with pytest.raises(ActlasError, match="made for texts of 128 characters, got 130"):
        pynada_char_cnn()(torch.zeros(1, 130, dtype=torch.long))
    with pytest.raises(ActlasError, match="tokens must lie in 0 to 105"):
        pynada_char_cnn()(torch.full((1, 128), 106))
    with pytest.raises(ActlasError, match=r"images must be \(N, 1, 32, 32\)"):
        pynada_lenet()(torch.zeros(2, 1, 28, 28))
    with pytest.raises(ActlasError, match="width must be a whole number"):
        pynada_mlp(hidden=(0,))
