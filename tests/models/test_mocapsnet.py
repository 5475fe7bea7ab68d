"""MoCapsNet: routing against its definition, the forms of the middle, memory, and the loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.models.mocapsnet import CapsuleLayer, MoCapsNet, capsule_loss, mocapsnet, sda_scale
from tests.models.memory import saved_bytes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def capsules(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def layer(routing: str, rounds: int = 3, scale: float = 100.0) -> CapsuleLayer:
    made = CapsuleLayer(5, 4, 3, 6, rounds, routing, generator=seeded()).double()
    with torch.no_grad():
        made.weight.mul_(scale)
    return made


def net(**options: object) -> MoCapsNet:
    options = {"width": 8, "capsules": 4, "image_size": 20, "generator": seeded(), **options}
    return mocapsnet(**options)  # type: ignore[arg-type]


def images(batch: int = 3) -> Tensor:
    return torch.rand(batch, 1, 20, 20, generator=seeded(5))


# ---------------------------------------------------------------------------------------- routing


def squashed(s: list[float]) -> list[float]:
    square = math.fsum(x * x for x in s)
    return [x * math.sqrt(square) / (1 + square) for x in s]


def routed(made: CapsuleLayer, x: list[list[float]], *, sda: bool) -> list[list[float]]:
    """Route one sample by loops over plain numbers, from the papers' procedures."""
    w, (out, below, length, _) = made.weight.tolist(), made.weight.shape
    dot = math.fsum
    u = [[[dot(a * b for a, b in zip(w[o][i][d], x[i], strict=True)) for d in range(length)]
          for i in range(below)] for o in range(out)]  # fmt: skip
    if sda:
        u = [[[t * min(1, math.hypot(*x[i]) / math.hypot(*u[o][i])) for t in u[o][i]]
              for i in range(below)] for o in range(out)]  # fmt: skip
    bias = made.bias.tolist() if made.bias is not None else [[0.0] * length] * out
    b = [[0.0] * below for _ in range(out)]
    for turn in range(made.rounds):
        c = [[math.exp(b[o][i]) / math.fsum(math.exp(b[k][i]) for k in range(out))
              for i in range(below)] for o in range(out)]  # fmt: skip
        v = [squashed([bias[o][d] + dot(c[o][i] * u[o][i][d] for i in range(below))
                       for d in range(length)]) for o in range(out)]  # fmt: skip
        if turn == made.rounds - 1:
            break
        if not sda:
            b = [[b[o][i] + dot(p * q for p, q in zip(u[o][i], v[o], strict=True))
                  for i in range(below)] for o in range(out)]  # fmt: skip
            continue
        far = [[math.dist(u[o][i], v[o]) for i in range(below)] for o in range(out)]
        mean = math.fsum(map(math.fsum, far)) / (out * below)
        t = (math.log(0.9 * (out - 1)) - math.log(0.1)) / (0.5 * mean - mean)
        b = [[t * far[o][i] for i in range(below)] for o in range(out)]
    return v


@pytest.mark.parametrize("rounds", [1, 2, 4])
@pytest.mark.parametrize("routing", ["dynamic", "sda"])
def test_routing_is_the_procedure_of_the_paper(routing: str, rounds: int) -> None:
    made, x = layer(routing, rounds), capsules(2, 5, 4)
    expected = [routed(made, sample, sda=routing == "sda") for sample in x.tolist()]
    torch.testing.assert_close(made(x).tolist(), expected, rtol=1e-10, atol=1e-12)


def test_no_gradient_passes_through_the_rounds_of_dynamic_routing() -> None:
    made, x = layer("dynamic"), capsules(1, 5, 4).requires_grad_()
    made(x).sum().backward()
    votes = torch.einsum("oidk,nik->noid", made.weight, x).detach()
    logits = torch.zeros(1, 3, 5, dtype=torch.float64)
    for _ in range(2):  # what the last round multiplies by, as constants
        v = made.squash((logits.softmax(1).unsqueeze(-1) * votes).sum(2))
        logits = logits + (votes * v.unsqueeze(2)).sum(-1)
    again = torch.einsum("oidk,nik->noid", made.weight, x)
    alone = made.squash((logits.softmax(1).unsqueeze(-1) * again).sum(2)).sum()
    torch.testing.assert_close(x.grad, torch.autograd.grad(alone, x)[0], rtol=1e-10, atol=1e-12)


def share_at_half_the_distance(scale: Tensor, count: int, mean: float) -> float:
    """Return what a capsule at half the mean distance gets among others at the mean distance."""
    distances = torch.full((count,), mean, dtype=torch.float64)
    distances[0] = mean / 2
    return float((scale * distances).softmax(0)[0])


def released_scale(mean: Tensor, count: int) -> Tensor:
    """Planted: the scale as released, where a bracket is missing."""
    return math.log(0.9 * (count - 1)) - math.log(0.1) / (0.5 * mean - mean)


@pytest.mark.parametrize("count", [2, 3, 10, 32])
@pytest.mark.parametrize("mean", [0.2, 1.0, 7.0])
def test_the_bracket_of_sda_gives_exactly_nine_tenths(count: int, mean: float) -> None:
    distance = torch.tensor(mean, dtype=torch.float64)
    assert share_at_half_the_distance(sda_scale(distance, count), count, mean) == pytest.approx(0.9)
    released = share_at_half_the_distance(released_scale(distance, count), count, mean)
    assert abs(released - 0.9) > 0.005


def test_sda_routes_every_sample_by_itself() -> None:
    made, x = layer("sda"), capsules(4, 5, 4)
    torch.testing.assert_close(made(x)[1:2], made(x[1:2]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("routing", ["dynamic", "sda"])
def test_empty_capsules_have_finite_gradients(routing: str) -> None:
    made, x = layer(routing), torch.zeros(2, 5, 4, dtype=torch.float64, requires_grad=True)
    made(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert made.weight.grad is not None
    assert made.weight.grad.isfinite().all()


# ----------------------------------------------------------------------------- forms of the middle


def test_the_released_form_skips_twice_and_restarts_the_velocity() -> None:
    made, g = net(form="released", blocks=2, gamma=0.8).double(), 0.8
    x = capsules(3, 4, 8)
    expected = x
    for block in made.middle:
        first, second = block.chain.layers
        v = (1 - g) * first(expected)
        one = expected + v
        expected = expected + (one + g * v + (1 - g) * second(one))
    with torch.no_grad():
        torch.testing.assert_close(made.middle(x), expected, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(net(blocks=2, gamma=0.8).double().middle(x), expected)


def test_the_residual_form_has_no_momentum() -> None:
    made, x = net(form="residual").double(), capsules(3, 4, 8)
    one = x + made.middle[0].layer(x)
    torch.testing.assert_close(made.middle(x), one + made.middle[1].layer(one), rtol=0, atol=0)


@pytest.mark.parametrize("form", ["chain", "released", "residual"])
def test_all_forms_have_the_same_weights(form: str) -> None:
    assert count_parameters(net(form=form, blocks=3)) == count_parameters(net(blocks=3))


@pytest.mark.parametrize("routing", ["dynamic", "sda"])
def test_gradients_of_the_network_are_those_of_plain_autograd(routing: str) -> None:
    found = []
    for reversible in (True, False):
        made = net(blocks=4, routing=routing, reversible=reversible).double()
        capsule_loss(made(images().double()), torch.tensor([0, 1, 2])).backward()
        found.append([p.grad for p in made.parameters()])
    for one, other in zip(*found, strict=True):
        assert float((one - other).norm()) <= 1e-7 * float(other.norm())


def middle_bytes(**options: object) -> int:
    made = net(**options)
    x = capsules(3, 4, 8).float().requires_grad_()
    return saved_bytes(lambda: made.middle(x), list(made.parameters()))


def test_memory_of_the_middle_is_constant_only_as_one_chain() -> None:
    state = 3 * 4 * 8 * 24
    assert [middle_bytes(blocks=b) for b in (2, 8)] == [state, state]
    released = [middle_bytes(blocks=b, form="released") for b in (2, 8)]
    assert released == [2 * state, 8 * state]  # a state per block, as methods say of the release
    plain = [middle_bytes(blocks=b, reversible=False) for b in (2, 8)]
    assert 3.8 < plain[1] / plain[0] < 4.2


# ------------------------------------------------------------------------- loss, decoder, refusals


def test_the_loss_by_hand() -> None:
    scores = torch.tensor([[0.8, 0.3, 0.05], [0.95, 0.1, 0.0]])
    # right: 0.1^2, 0; wrong: 0.5 (0.2^2) and 0; second: wrong target 1: (0.8)^2 + 0.5 (0.85^2)
    expected = 0.01 + 0.5 * 0.04 + 0.64 + 0.5 * 0.7225
    assert float(capsule_loss(scores, torch.tensor([0, 1]))) == pytest.approx(expected)
    painted = capsule_loss(
        scores, torch.tensor([0, 1]), torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    )
    assert float(painted) == pytest.approx(expected + 5e-4 * 18)
    for name in ("reconstruction", "images"):
        with pytest.raises(ActlasError, match=f"together, got {name} alone"):
            capsule_loss(scores, torch.tensor([0, 1]), **{name: torch.ones(2, 1, 3, 3)})


def test_the_decoder_sees_one_capsule() -> None:
    made = net(decoder=True).requires_grad_(False)
    found = made.capsules(images())
    painted = made.reconstruct(found)
    assert painted.shape == images().shape
    assert 0 < float(painted.min()) <= float(painted.max()) < 1
    longest = found.norm(dim=-1).argmax(1)
    torch.testing.assert_close(made.reconstruct(found, longest), painted)
    silenced = found * torch.nn.functional.one_hot(longest, 10).unsqueeze(-1)
    torch.testing.assert_close(made.reconstruct(silenced), painted)
    with pytest.raises(ActlasError, match="decoder=True"):
        net().reconstruct(found)


def test_scores_are_lengths() -> None:
    made = net()
    scores = made(images())
    assert scores.shape == (3, 10)
    assert bool(((scores >= 0) & (scores < 1)).all())
    torch.testing.assert_close(scores, made.capsules(images()).norm(dim=-1))


def test_one_seed_one_network() -> None:
    one, other = net(decoder=True).state_dict(), net(decoder=True).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"gamma": 1.0}, "gamma must be a number above 0 and below 1"),
        ({"form": "chained"}, "Did you mean 'chain'"),
        ({"routing": "rba"}, "routing must be one of 'dynamic', 'sda'"),
        ({"width": 12}, "width must be a multiple of 8"),
        ({"image_size": 16}, "image_size at least 17"),
        ({"blocks": 0}, "blocks must be a whole number"),
        ({"rounds": 0}, "rounds must be a whole number"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], part: str) -> None:
    with pytest.raises(ActlasError, match=part):
        net(**options)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ActlasError, match=r"images must be \(N, 1, 20, 20\), got \(2, 1, 28, 28\)"):
        net()(torch.zeros(2, 1, 28, 28))
    with pytest.raises(ActlasError, match="at least 2 capsules"):
        CapsuleLayer(5, 4, 1, 6, routing="sda")(torch.zeros(2, 5, 4))
