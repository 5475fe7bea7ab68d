"""What a capsule network keeps for backward: one reversible chain, the release, plain autograd."""

import torch
from torch import Tensor

from actlas.models.mocapsnet import capsule_loss, mocapsnet


def kept(blocks: int, **options: object) -> int:
    """Return the bytes that autograd keeps of the middle of the network for one batch."""
    net, sizes = mocapsnet(blocks=blocks, capsules=16, **options), {}

    def note(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x = torch.randn(16, 16, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        scores = net.middle(x)
    del scores
    weights = {weight.untyped_storage().data_ptr() for weight in net.parameters()}
    return sum(size for place, size in sizes.items() if place not in weights)


def main() -> None:
    """Print kibibytes by depth, and train one step."""
    forms = {"one chain": {}, "released": {"form": "released"}, "plain": {"reversible": False}}
    for name, options in forms.items():
        row = [f"{kept(blocks, **options) / 1024:9.0f}" for blocks in (1, 2, 4, 8)]
        print(f"{name:10} KiB for 1, 2, 4, 8 blocks:", *row)
    net, images = mocapsnet(blocks=8, decoder=True), torch.rand(4, 1, 28, 28)
    found = net.capsules(images)
    loss = capsule_loss(found.norm(dim=-1), torch.arange(4), net.reconstruct(found), images)
    loss.backward()
    print(f"loss of the first step: {float(loss.detach()):.3f}")


if __name__ == "__main__":
    main()
