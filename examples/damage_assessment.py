"""Flooded buildings: three networks and two functions, with metrics for rare classes.

With the folder of the Harvey sample in ACTLAS_DATA it reads satellite images, else it makes up
its own; it takes seconds:

    python damage_assessment.py
"""

from __future__ import annotations

import torch

from actlas.training import Buildings, assess, buildings, synthetic


def main() -> None:
    """Train the grid and print what each cell reached on the test images."""
    generator = torch.Generator().manual_seed(0)
    data = buildings(size=16, generator=generator)
    if data.source == "synthetic":  # the original's test set has eight flooded to one dry
        test = synthetic(180, 16, damaged=8 / 9, generator=generator)
        data = Buildings(data.source, data.train, data.validation, test)
    print(f"{data.source}: {len(data.train[1])} images to train on, {len(data.test[1])} to test")
    print("network   function   balanced   F1     AUC    MCC")
    for cell in assess(data, ["relu", "telu"], initialisers=["autoinit"], epochs=1,
                       generator=generator):  # fmt: skip
        m = cell.test
        print(f"{cell.network:9} {cell.activation:9}  {m.balanced_accuracy:8.3f}  {m.f1:.3f}  "
              f"{m.auc:.3f}  {m.mcc:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
