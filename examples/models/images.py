"""Any network for images, by its name, learns zeros and ones; prints its loss before and after.

python images.py resnet9 wide_resnet
"""

import sys

import torch
from torch import nn

from actlas.models import find_network
from actlas.study import find_task

NAMES = {
    "lenet": {}, "logic_cnn": {}, "vgg": {"depth": 9}, "all_cnn": {"base": "A"},
    "resnet": {"depth": 8}, "preact_resnet": {"depth": 8}, "densenet": {"depth": 16},
}  # fmt: skip


def main(names: list[str]) -> None:
    """Take eight steps with each network on 16 digits, enlarged to the size that it takes."""
    data = find_task("digits").data(None).train
    chosen = (data.targets < 2).nonzero()[:16, 0]
    digits, y = data.inputs[chosen].view(-1, 1, 8, 8), data.targets[chosen]
    for name in names:
        entry, options = find_network(name), {"channels": 1, "classes": 2} | NAMES.get(name, {})
        net = entry.build(**options, activation="elu", generator=torch.Generator().manual_seed(0))
        x, losses = nn.functional.interpolate(digits, size=entry.input[1:]), []
        optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
        for _ in range(8):
            losses.append(nn.functional.cross_entropy(net(x), y))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        print(f"{name:14} loss {losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)} steps")


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
