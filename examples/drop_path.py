"""Drop-path beside stochastic depth: which branches run for which image of a mini-batch."""

from __future__ import annotations

import torch
from torch import nn

from actlas.models import find_network
from actlas.training import drop_path_, drop_path_rates, stochastic_depth_


def build() -> nn.Module:
    """Return a small residual network, with the same weights each time."""
    generator = torch.Generator().manual_seed(0)
    return find_network("resnet").build(14, activation="silu", generator=generator).train()


def main() -> None:
    """Feed one image four times: what differs between the four answers is the method."""
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).repeat(4, 1, 1, 1)
    dropped, skipped = build(), build()
    paths = drop_path_(dropped, 0.5, generator=torch.Generator().manual_seed(2))
    depth = stochastic_depth_(skipped, 0.5, generator=torch.Generator().manual_seed(2))
    print("rates of drop-path:", [round(rate, 1) for rate in drop_path_rates(len(paths), 0.5)])
    for name, model in (("drop-path", dropped), ("stochastic depth", skipped)):
        spread = model(x).std(dim=0).mean().item()
        print(f"{name}: four copies of an image differ by {spread:.3f}")
    print(f"stochastic depth ran {sum(depth.executed)} of {len(depth.gates)} branches; "
          "drop-path always computes all")  # fmt: skip
    plain, quiet = build().eval(), build().eval()
    drop_path_(quiet, 0.5)
    same = torch.equal(quiet(x), plain(x))
    print("at test time drop-path changes nothing:", same)


if __name__ == "__main__":
    main()
