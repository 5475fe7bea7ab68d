"""Which function's features transfer? Digits 0 to 4 teach the network, 5 to 9 test its features."""

from __future__ import annotations

import torch
from torch import nn

import actlas
from actlas.study.tasks.digits import load
from actlas.training import PENALTIES, extract_features, fine_tune, fixed_features


def main() -> None:
    """Pretrain one network per function, then fit logistic regression on its features."""
    data = load()
    x = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    y = torch.cat([data.train.targets, data.validation.targets, data.test.targets])
    source = [(x[i], y[i]) for i in torch.nonzero(y < 5)[:, 0].split(64)]
    target = torch.nonzero(y >= 5)[:, 0].split((60, 60, int((y >= 5).sum()) - 120))
    for name in ("relu", "tanh", "mish"):
        body = nn.Sequential(nn.Linear(64, 64), actlas.nn.create(name), nn.Linear(64, 32),
                             actlas.nn.create(name))  # fmt: skip
        actlas.init.autoinit_(body, x[:1], generator=torch.Generator().manual_seed(0))
        before, after = body, nn.Sequential(body, nn.Linear(32, 5))
        parts = [[(x[i], y[i])] for i in target]
        found = []
        for _ in range(2):
            features = (extract_features(before, part) for part in parts)
            found.append(fixed_features(*features, penalties=PENALTIES[8:36:4]).accuracy)
            fine_tune(after, source, steps=100, learning_rate=0.05)
        print(f"{name:8} random features {found[0]:.3f}, pretrained features {found[1]:.3f}")


if __name__ == "__main__":
    main()
