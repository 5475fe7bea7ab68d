"""The networks of three papers that brought a unit: Maxout, FReLU and Meta-ACON."""

from __future__ import annotations

import torch

from actlas.models import count_parameters, default_input, find_network

# The network, its size in the paper, and the same without its unit.
PAIRS = [
    ("maxout_mlp", {"hidden": (240, 240)}, {"activation": "relu"}),
    ("maxout_cnn", {"width": 96, "units": 500}, {"activation": "relu"}),
    ("frelu_resnet", {"depth": 50, "width": 64, "classes": 1000}, {"funnel": False}),
    ("meta_acon_resnet", {"depth": 50, "width": 64, "classes": 1000}, {"meta": False}),
]


def main() -> None:
    """Print parameters with and without the unit, and run the small form of each."""
    for name, size, without in PAIRS:
        entry = find_network(name)
        with torch.device("meta"):  # only counted, so without memory
            counts = [count_parameters(entry.build(**size, **other)) for other in ({}, without)]
        print(f"{entry.title:17} {counts[0]:12,} parameters, without the unit {counts[1]:12,}")
        logits = entry.build().eval()(default_input(entry))
        print(f"{'':17} small form: {tuple(default_input(entry).shape)} -> {tuple(logits.shape)}")


if __name__ == "__main__":
    main()
