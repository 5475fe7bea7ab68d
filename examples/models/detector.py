"""A one-stage detector learns to find discs and squares in noise; prints what it finds."""

import torch

from actlas.models.detector import Objects, detector

KINDS = ("disc", "square")


def image(generator: torch.Generator) -> tuple[torch.Tensor, Objects]:
    """Return a grey image of 64x64 pixels with one disc and one square, and where they are."""
    pixels = 0.2 * torch.rand(1, 64, 64, generator=generator)
    radius = torch.randint(6, 11, (2, 1), generator=generator)
    centre = torch.randint(12, 52, (2, 2), generator=generator)
    x, y = ((torch.arange(64) - centre[:, k, None]).abs() for k in range(2))
    away = torch.stack((torch.hypot(x[0] + 0.0, y[0, :, None]), torch.maximum(x[1], y[1, :, None])))
    for kind, brightness in enumerate((0.6, 1.0)):
        pixels[0, away[kind] <= radius[kind]] = brightness
    return pixels, Objects(torch.cat((centre - radius, centre + radius + 1), 1), torch.arange(2))


draws = torch.Generator().manual_seed(0)
net = detector("mish", classes=2, channels=1, widths=(8, 16, 32, 32), generator=draws)
pictures, objects = zip(*(image(draws) for _ in range(32)), strict=True)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(40):
    optimizer.zero_grad()
    parts = net.loss(torch.stack(pictures), objects)
    sum(parts.values()).backward()
    optimizer.step()
print({name: round(part.item(), 3) for name, part in parts.items()})
picture, there = image(draws)
(found,) = net.eval().detect(picture[None])
for box, kind, score in zip(found.boxes, found.labels, found.scores, strict=True):
    print(KINDS[kind], box.round().tolist(), f"{score:.2f}, is", there.boxes[kind].tolist())
