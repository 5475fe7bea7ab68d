"""Train a thin wide residual network on small digits with the recipe of its paper, shortened."""

from dataclasses import replace

import torch
from torch import nn

from actlas.models.wide_resnet import CIFAR_RECIPE, wide_resnet
from actlas.study import find_task


def main() -> None:
    """Print loss and accuracy of every epoch."""
    data = find_task("digits").data(None)
    x, y = data.train.inputs.view(-1, 1, 8, 8), data.train.targets
    recipe = replace(CIFAR_RECIPE, epochs=5, drops=(3, 4), batch_size=69)
    generator = torch.Generator().manual_seed(0)
    net = wide_resnet(10, 1, recipe.dropout, channels=1, activation="telu", generator=generator)
    optimizer = recipe.optimizer(net.parameters())
    scheduler = recipe.scheduler(optimizer)
    for epoch in range(recipe.epochs):
        net.train()
        for batch in torch.randperm(len(x), generator=generator).split(recipe.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
        scheduler.step()
        with torch.no_grad():
            answers = net.eval()(data.test.inputs.view(-1, 1, 8, 8)).argmax(1)
        right = (answers == data.test.targets).float().mean()
        rate = recipe.rate(epoch)
        print(f"epoch {epoch + 1}  rate {rate:.4f}  loss {loss:.3f}  accuracy {right:.1%}")


if __name__ == "__main__":
    main()
