"""The spiking network: one neuron in closed form, the surrogate, and the residual sums."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models.spiking_resnet import LIF, spike, spiking_resnet


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def run(neuron: nn.Module, current: float, steps: int) -> tuple[list[int], list[float]]:
    """Return the steps (from 1) at which a neuron with constant input fires, and its potentials."""
    potential, fired, potentials = None, [], []
    for step in range(1, steps + 1):
        spikes, potential = neuron(torch.tensor([current], dtype=torch.float64), potential)
        potentials.append(float(potential))
        fired += [step] * int(spikes.item())
    return fired, potentials


# ------------------------------------------------------------------------------- neurons that leak


@pytest.mark.parametrize("leak", [0.5, 0.8744, 0.95])
def test_a_current_below_the_threshold_never_fires(leak: float) -> None:
    """The potential tends to I / (1 - leak), so I = threshold (1 - leak) is the border."""
    border = 1 - leak
    fired, potentials = run(LIF(leak), 0.999 * border, 400)
    assert fired == []
    assert potentials[-1] == pytest.approx(0.999, abs=1e-6)
    assert potentials[4] == pytest.approx(0.999 * (1 - leak**5))
    assert run(LIF(leak), 1.01 * border, 400)[0]


@pytest.mark.parametrize("leak", [0.5, 0.8744])
@pytest.mark.parametrize("current", [0.6, 0.9])
def test_spikes_come_when_the_closed_form_says(leak: float, current: float) -> None:
    """k steps behind a spike that left r, U is leak^k r + I (1 - leak^k) / (1 - leak)."""
    fired, potentials = run(LIF(leak), current, 60)
    rest, last, end = 0.0, 0, current / (1 - leak)
    assert len(fired) > 5
    for step in fired:
        # the first k with end - leak^k (end - rest) > 1
        wait = math.floor(math.log((end - 1) / (end - rest)) / math.log(leak)) + 1
        assert step == last + wait
        rest, last = end - leak**wait * (end - rest) - 1, step
        assert potentials[step - 1] == pytest.approx(rest, abs=1e-12)


# ------------------------------------------------------------------------ neurons that do not leak


@pytest.mark.parametrize("current", [Fraction(1, 4), Fraction(3, 8), Fraction(5, 7), Fraction(1)])
def test_without_a_leak_the_rate_is_the_current(current: Fraction) -> None:
    """Spikes come where the sum of the input passes a whole number: ceil(T I) - 1 of them."""
    steps = 50
    fired, potentials = run(LIF(1.0), float(current), steps)
    assert len(fired) in {math.ceil(steps * current) - 1, math.floor(steps * current)}
    assert abs(len(fired) / steps - float(current)) <= 1.001 / steps
    assert potentials[-1] == pytest.approx(float(steps * current) - len(fired), abs=1e-9)


def test_exactly_at_the_threshold_nothing_fires() -> None:
    assert run(LIF(1.0), 0.25, 16)[0] == [5, 9, 13]  # at 4 the potential is 1, not above
    assert run(LIF(1.0, threshold=2.0), 0.5, 16)[0] == [5, 9, 13]


def test_reset_subtracts_and_keeps_the_rest() -> None:
    spikes, potential = LIF(1.0)(torch.tensor([2.75]), None)
    assert (float(spikes), float(potential)) == (1.0, 1.75)  # not 0: reset is no overwriting


def test_input_is_spikes_and_what_remains() -> None:
    neuron, potential = LIF(1.0), None
    currents = torch.rand(40, 16, generator=seeded(), dtype=torch.float64)
    total = torch.zeros(16, dtype=torch.float64)
    for current in currents:
        spikes, potential = neuron(current, potential)
        total += spikes
    torch.testing.assert_close(currents.sum(0), total + potential, rtol=1e-12, atol=1e-12)


# -------------------------------------------------------------------------------------- surrogate


def test_the_surrogate_is_a_triangle_of_height_0_3() -> None:
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0], requires_grad=True)
    y = spike(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(x.grad, torch.tensor([0, 0, 0.15, 0.3, 0.15, 0, 0]))


def triangle(x: float) -> float:
    return 0.3 * max(0.0, 1 - abs(x))


def two_steps(neuron: nn.Module, weight: Tensor, current: float) -> Tensor:
    """Return the spikes of the second of two steps, with a first one that fires."""
    _, potential = neuron(weight * current, None)
    spikes, _ = neuron(weight * current, potential)
    return spikes


def test_gradient_through_time_passes_the_leak_and_not_the_reset() -> None:
    weight, current, leak = torch.tensor(1.2, dtype=torch.float64, requires_grad=True), 1.1, 0.8
    two_steps(LIF(leak), weight, current).backward()
    first = weight.item() * current
    second = leak * (first - 1) + first
    expected = triangle(second - 1) * (leak * current + current)
    assert float(weight.grad) == pytest.approx(expected, rel=1e-12)  # type: ignore[arg-type]

    class Through(LIF):  # planted: the reset passes a gradient
        def forward(self, current: Tensor, potential: Tensor | None) -> tuple[Tensor, Tensor]:
            charged = current if potential is None else self.leak * potential + current
            spikes = spike(charged / self.threshold - 1)
            return spikes, charged - self.threshold * spikes

    (wrong,) = torch.autograd.grad(two_steps(Through(leak), weight, current), weight)
    assert float(wrong) != pytest.approx(expected, rel=1e-3)


def test_a_threshold_scales_the_surrogate() -> None:
    x = torch.tensor([1.5], requires_grad=True)
    LIF(threshold=2.0)(x, None)[0].backward()
    assert float(x.grad) == pytest.approx(triangle(-0.25) / 2)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------- the network


def images(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 16, 16, generator=seeded(3))


def test_signals_are_small_whole_numbers_that_add_up() -> None:
    made = spiking_resnet(depth=14, steps=3, generator=seeded())
    seen: list[Tensor] = []
    made.stem.register_forward_hook(lambda _, __, out: seen.append(out[0].detach()))
    for block in made.blocks[:2]:  # the first stage: no projection in between
        block.register_forward_hook(lambda _, __, out: seen.append(out[0].detach()))
    made(images())
    for place, signal in enumerate(seen):
        assert set(signal.unique().tolist()) <= set(range(place % 3 + 2))
    assert max(float(signal.max()) for signal in seen) >= 2
    assert len(seen) == 9


def test_every_step_has_its_own_normalisation() -> None:
    made = spiking_resnet(steps=3, generator=seeded())
    made(images())
    means = [norm.running_mean.clone() for norm in made.blocks[0].first.norm.at]
    assert not torch.equal(means[0], means[1])
    assert {norm.num_batches_tracked.item() for norm in made.stem.norm.at} == {1}


def test_logits_are_the_mean_over_time() -> None:
    made = spiking_resnet(steps=4, generator=seeded()).eval()
    outputs: list[Tensor] = []
    made.classify.register_forward_hook(lambda _, __, out: outputs.append(out))
    torch.testing.assert_close(made(images()), torch.stack(outputs).mean(0))
    assert len(outputs) == 4


def test_boosting_averages_the_outputs_of_a_class() -> None:
    made = spiking_resnet(steps=2, boost=10, generator=seeded()).eval()
    outputs: list[Tensor] = []
    made.classify.register_forward_hook(lambda _, __, out: outputs.append(out))
    pooled = nn.functional.avg_pool1d(made_logits := made(images()).unsqueeze(1), 1)
    expected = nn.functional.avg_pool1d(torch.stack(outputs).mean(0).unsqueeze(1), 10)
    torch.testing.assert_close(pooled, expected)
    assert made_logits.shape == (2, 1, 10)


def test_a_film_of_equal_frames_is_the_image() -> None:
    made = spiking_resnet(steps=3, generator=seeded()).eval()
    torch.testing.assert_close(
        made(images()), made(images().unsqueeze(1).expand(-1, 3, -1, -1, -1))
    )


def test_poisson_spikes_have_the_image_as_their_mean() -> None:
    made = spiking_resnet(encoding="poisson", generator=seeded())
    image = torch.tensor([-0.8, 0.0, 0.4, 1.0]).view(1, 1, 2, 2)
    drawn = torch.stack([made._encoded(image) for _ in range(4000)])
    assert set(drawn.unique().tolist()) <= {-1.0, 0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0), image / 2, rtol=0, atol=0.03)


def test_poisson_spikes_are_drawn_where_the_generator_lives() -> None:
    made = spiking_resnet(encoding="poisson", generator=seeded())
    assert made._encoded(torch.empty(1, 3, 16, 16, device="meta")).is_meta


def test_an_activation_takes_the_place_of_the_neurons() -> None:
    made = spiking_resnet(activation="gelu", generator=seeded())
    assert not [m for m in made.modules() if isinstance(m, LIF)]
    made(images()).sum().backward()
    assert all(p.grad is not None for p in made.stem.convolution.parameters())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"depth": 10}, r"depth must be 6n\+2"),
        ({"leak": 1.5}, "leak must be a number from 0 to 1"),
        ({"encoding": "rate"}, "encoding must be one of"),
        ({"steps": 0}, "steps must be a whole number"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], part: str) -> None:
    with pytest.raises(ActlasError, match=part):
        spiking_resnet(**options)  # type: ignore[arg-type]
    with pytest.raises(ActlasError, match="threshold must be a positive number"):
        LIF(threshold=0.0)


def test_bad_images_are_refused() -> None:
    made = spiking_resnet(steps=2)
    with pytest.raises(ActlasError, match="multiples of 4"):
        made(torch.zeros(2, 3, 18, 18))
    with pytest.raises(ActlasError, match="made for 2 steps, got 5 frames"):
        made(torch.zeros(2, 5, 3, 16, 16))


@pytest.mark.slow
def test_it_learns_digits() -> None:
    """Methods expect above 85 % from n = 1, 8 filters and 6 steps."""
    from actlas.study.tasks.digits import load

    data = load()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = spiking_resnet(channels=1, steps=6, generator=seeded())
        optimiser = torch.optim.Adam(made.parameters(), 0.01)
        for _ in range(2):
            order = torch.randperm(len(data.train), generator=seeded(1))
            for chosen in order.split(32):
                x, y = data.train.inputs[chosen].view(-1, 1, 8, 8), data.train.targets[chosen]
                optimiser.zero_grad()
                nn.functional.cross_entropy(made(x), y).backward()
                optimiser.step()
    made.eval()
    with torch.no_grad():
        found = made(data.test.inputs.view(-1, 1, 8, 8)).argmax(1)
    assert float((found == data.test.targets).float().mean()) > 0.85
