"""Spiking neurons: when they fire, and how a residual network of them sees an image."""

from __future__ import annotations

import torch

from actlas.models.spiking_resnet import LIF, spiking_resnet


def raster(current: float, leak: float, steps: int = 48) -> str:
    """Return one character per step: a bar where a neuron with this input fires."""
    neuron, potential, shown = LIF(leak), None, ""
    for _ in range(steps):
        spikes, potential = neuron(torch.tensor(current), potential)
        shown += "|" if spikes else "."
    return shown


def main() -> None:
    """Print rasters for growing currents, and the signals inside a small network."""
    for leak in (1.0, 0.8744):
        for current in (0.1, 0.13, 0.3, 0.7):
            print(f"leak {leak:<6} current {current:<4} {raster(current, leak)}")
    draws = torch.Generator().manual_seed(0)
    net = spiking_resnet(depth=14, steps=8, generator=draws)
    net.blocks[1].register_forward_hook(
        lambda _, __, out: print(
            "  spikes, counted:", out[0].unique(return_counts=True)[1].tolist()
        )
    )
    print("Behind the second block 0, 1, 2, 3 spikes a step and pixel come this often:")
    net(torch.randn(2, 3, 16, 16, generator=draws))


if __name__ == "__main__":
    main()
