"""A variational autoencoder of small digits; prints its bound and draws digits as characters."""

from __future__ import annotations

import torch

from actlas.models.autoencoder import vae
from actlas.study import find_task


def main() -> None:
    """Raise the bound for a few passes over the digits, then sample."""
    data = find_task("digits").data(None)
    (train, test), generator = (data.train.inputs, data.test.inputs), torch.Generator()
    low, high = train.min(), train.max()
    train, test = ((x - low) / (high - low) for x in (train, test.clamp(low, high)))
    net = vae("telu", inputs=64, widths=(64, 32), latent=4, generator=generator.manual_seed(0))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for step in range(15):
        with torch.no_grad():
            bound = net.elbo(test, generator).mean()
        for x in train[torch.randperm(len(train), generator=generator)].split(100):
            optimizer.zero_grad()
            (-net.elbo(x, generator).mean()).backward()
            optimizer.step()
        if step % 5 == 0:
            print(f"after {step:2} passes: evidence lower bound {bound:.2f} on the test set")
    with torch.no_grad():
        digits = net.sample(6, generator).view(6, 8, 8)
    for row in digits.transpose(0, 1):
        print("  ".join("".join(" .:*#"[int(4.99 * p)] for p in line) for line in row))


if __name__ == "__main__":
    main()
