"""Autoencoder and VAE: the divergence against two other forms, the bound against the evidence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.models.autoencoder import VAE, autoencoder, gaussian_kl, vae


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small() -> VAE:
    return vae("telu", inputs=6, widths=(8, 5), latent=2, generator=seeded()).double()


def binary(count: int = 4) -> Tensor:
    return torch.randint(2, (count, 6), generator=seeded(1)).double()


def test_the_divergence_in_closed_form() -> None:
    mean = torch.randn(9, 5, dtype=torch.float64, generator=seeded())
    log_variance = torch.randn(9, 5, dtype=torch.float64, generator=seeded(1))
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), theirs)
    assert gaussian_kl(torch.tensor([2.0]), torch.tensor([math.log(4.0)])).item() == pytest.approx(
        0.5 * (4 + 4 - 1 - math.log(4))
    )


def monte_carlo(mean: Tensor, log_variance: Tensor, count: int) -> tuple[float, float]:
    """Return E_q [log q - log p] over random codes, and its standard error."""
    q, p = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    noise = torch.randn(count, len(mean), dtype=torch.float64, generator=seeded(2))
    codes = mean + q.stddev * noise
    terms = (q.log_prob(codes) - p.log_prob(codes)).sum(-1)
    return terms.mean().item(), terms.std().item() / math.sqrt(count)


def test_the_divergence_is_what_random_codes_say() -> None:
    mean = torch.tensor([0.7, -1.2], dtype=torch.float64)
    log_variance = torch.tensor([-0.8, 0.4], dtype=torch.float64)
    found, error = monte_carlo(mean, log_variance, 200_000)
    assert error < 0.005
    assert abs(gaussian_kl(mean, log_variance).item() - found) < 4 * error
    wrong = gaussian_kl(mean, -log_variance).item()  # planted: the sign of the log-variance
    assert abs(wrong - found) > 4 * error


def test_the_bound_is_the_evidence_where_the_code_says_nothing() -> None:
    """With q = p and a decoder that ignores its code, the bound is log p(x), for every code."""
    net, x = small(), binary()
    with torch.no_grad():
        for parameter in (net.code.weight, net.code.bias, net.decoder[-1].weight):
            parameter.zero_()
        net.decoder[-1].bias.copy_(torch.linspace(-2, 2, 6))
    evidence = Bernoulli(logits=torch.linspace(-2, 2, 6, dtype=torch.float64)).log_prob(x).sum(-1)
    for seed in range(3):
        torch.testing.assert_close(net.elbo(x, seeded(seed)), evidence)


def log_evidence(net: VAE, x: Tensor, count: int) -> Tensor:
    """Return log p(x) of each example by importance sampling from the encoder."""
    mean, log_variance = net.encode(x)
    q = Normal(mean, (log_variance / 2).exp())
    noise = torch.randn(count, *mean.shape, dtype=x.dtype, generator=seeded(3))
    codes = mean + q.stddev * noise
    likelihood = Bernoulli(logits=net.decoder(codes)).log_prob(x).sum(-1)
    weights = likelihood + Normal(0.0, 1.0).log_prob(codes).sum(-1) - q.log_prob(codes).sum(-1)
    return weights.logsumexp(0) - math.log(count)


@torch.no_grad()
def test_the_bound_lies_below_the_evidence() -> None:
    net, x = small(), binary()
    bounds = torch.stack([net.elbo(x, seeded(seed)) for seed in range(400)])
    error = bounds.std(0) / 20
    evidence = log_evidence(net, x, 20_000)
    assert (bounds.mean(0) < evidence + 4 * error).all()
    gap = evidence - bounds.mean(0)  # the divergence of q from the posterior
    assert (gap > 0.01).all()


def test_the_gradient_reaches_encoder_and_decoder() -> None:
    net = small()
    (-net.elbo(binary(), seeded())).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_reconstruction_is_from_the_mean_code_and_codes_from_the_generator() -> None:
    net, x = small(), binary()
    torch.testing.assert_close(net(x), net.decoder(net.encode(x)[0]))
    assert torch.equal(net.elbo(x, seeded(5)), net.elbo(x, seeded(5)))
    assert not torch.equal(net.elbo(x, seeded(5)), net.elbo(x, seeded(6)))
    samples = net.sample(7, seeded())
    assert samples.shape == (7, 6)
    assert (samples > 0).all() and (samples < 1).all()  # noqa: PT018


def test_the_parameters_of_the_released_sizes() -> None:
    down = [(784, 512), (512, 256), (256, 32), (256, 32)]
    up = [(32, 256), (256, 512), (512, 784)]
    assert count_parameters(vae()) == sum(a * b + b for a, b in down + up) == 1_091_920
    widths = [(1024, 256), (256, 64), (64, 16), (16, 64), (64, 256), (256, 1024)]
    assert count_parameters(autoencoder()) == sum(a * b + b for a, b in widths) == 560_784


def test_the_code_meets_no_activation_and_starts_with_gain_one() -> None:
    net = vae("relu", latent=128, generator=seeded())
    fan_in = net.code.in_features
    assert net.code.weight.std().item() * fan_in**0.5 == pytest.approx(1, rel=0.02)
    assert net.encoder[1].weight.std().item() * 784**0.5 == pytest.approx(2**0.5, rel=0.02)


def test_images_are_flattened() -> None:
    x = torch.rand(2, 1, 28, 28, generator=seeded())
    net = vae(generator=seeded())
    torch.testing.assert_close(net(x), net(x.flatten(1)))
    torch.testing.assert_close(net.elbo(x, seeded()), net.elbo(x.flatten(1), seeded()))


@pytest.mark.parametrize("build", [autoencoder, vae])
@pytest.mark.parametrize(("options", "said"), [
    ({"inputs": 0}, "inputs must"), ({"widths": (8, -2)}, r"widths\[1\] must"),
    ({"widths": ()}, "widths must name 1 or more"), ({"activation": "tleu"}, "telu"),
])  # fmt: skip
def test_bad_options_are_refused(build: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        build(**options)


def test_bad_examples_are_refused() -> None:
    with pytest.raises(ActlasError, match="must hold 6 numbers"):
        small()(torch.zeros(2, 7, dtype=torch.float64))
    with pytest.raises(ActlasError, match=r"in \[0, 1\], got -1 to 2"):
        small().elbo(torch.tensor([[-1.0, 0, 0, 0, 0, 2.0]]).double())
    with pytest.raises(ActlasError, match="latent must"):
        vae(latent=0)
