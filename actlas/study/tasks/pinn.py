"""Two differential equations learned without data: Burgers and Allen-Cahn (Raissi et al. 2019).

The network's u has the initial and edge values built in (Lagaris et al. 1998), so the loss is the
squared residual of the equation at random points, and nothing else. The score compares u with the
reference solution, for Allen-Cahn up to t = 0.5: beyond, so short a training finds another one.

By Adam in under a minute tanh reaches 13 % and 3 %, ReLU 39 % and 29 %: it has no second derivative
and cannot see the diffusion, so a smooth function is the better `reference` of a study. With ten
times the epochs tanh comes to 0.7 % in Burgers' equation (one run of four minutes).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actlas.errors import need_extra
from actlas.models import find_network
from actlas.models.pinn import burgers_residual, partials
from actlas.study.tasks._files import DataFile, data_folder, fetch
from actlas.study.tasks._metrics import RELATIVE_ERROR
from actlas.study.tasks._protocol import Data, Published, Split, Task
from actlas.study.tasks._registry import register

_FOLDER = "pinn"
_ORIGIN = (
    "https://raw.githubusercontent.com/maziarraissi/PINNs/932f50a2d8ef4e80d1456bbae6887a73ff5166ef/"
)
_POINTS, _VALIDATION = 16_384, 2_000  # the other points of the reference's grid are the test

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Equation:
    """An equation for u(x, t) with x in [-1, 1] and u fixed at both ends.

    `start` gives u at t = 0 from x, `residual` is 0 where u solves the equation, and `keys` name
    x, t and u in the file of the reference, of which the times up to `end` are taken.
    """

    title: str
    file: DataFile
    keys: tuple[str, str, str]
    start: Function
    residual: Callable[[Function, Tensor], Tensor]
    end: float = 1.0

    def load(self, data_root: Path | None) -> Data:
        """Return random points to train on, and the reference's grid in two parts to score on."""
        x, t, u = self._reference(data_folder(data_root, _FOLDER, self.title))
        grid = np.stack(np.meshgrid(x, t, indexing="ij"), -1).reshape(-1, 2)
        order = np.random.default_rng(0).permutation(len(grid))
        points, known = (
            torch.tensor(part[order], dtype=torch.float32) for part in (grid, u.reshape(-1, 1))
        )
        inside = np.random.default_rng(1).uniform((-1, 0), (1, t[-1]), (_POINTS, 2))
        train = torch.tensor(inside, dtype=torch.float32)
        sizes = (_VALIDATION, len(grid) - _VALIDATION)
        scored = map(Split, points.split(sizes), known.split(sizes))
        return Data(Split(train, torch.zeros(_POINTS, 1)), *scored)  # the zeros are not read

    def _reference(self, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        content = self.file.read(folder)
        stored = need_extra("scipy.io", "study").loadmat(io.BytesIO(content))
        x, t, u = (stored[key] for key in self.keys)
        early = t.ravel() <= self.end
        return x.ravel(), t.ravel()[early], u[:, early]

    def network(self, activation: Callable[[], nn.Module]) -> nn.Module:
        """Return the network for this equation."""
        build = find_network("pinn").build
        return Solution(self, build(activation=activation, width=32, layers=3, order=0))

    def download(self, data_root: Path) -> None:
        """Fetch the reference solution."""
        fetch(self.file.address, data_root / _FOLDER / self.file.name, self.file.verify)


class Solution(nn.Module):
    """u = start(x) + t (1 - x^2) net(x, 2t - 1), and the residual of the equation beside it.

    Shape: points (x, t), (N, 2) -> (N, 2). The derivatives are taken inside, in evaluation too.
    """

    def __init__(self, equation: Equation, network: nn.Module) -> None:
        super().__init__()
        self.equation, self.network = equation, network

    def u(self, points: Tensor) -> Tensor:
        """Return u at points, (N, 1)."""
        x, t = points[:, :1], points[:, 1:]
        scaled = torch.cat([x, 2 * t - 1], 1)
        free: Tensor = self.network(scaled)
        return self.equation.start(x) + t * (1 - x.square()) * free

    def forward(self, points: Tensor) -> Tensor:
        trains = torch.is_grad_enabled()
        with torch.enable_grad():
            residual = self.equation.residual(self.u, points)
        with torch.no_grad():
            u = self.u(points)
        return torch.cat([u, residual if trains else residual.detach()], 1)


def residual_loss(outputs: Tensor, _: Tensor) -> Tensor:
    """Return the mean squared residual: nothing about u is told."""
    return outputs[:, 1].square().mean()


def error_of_u(outputs: Tensor, targets: Tensor) -> float:
    """Return ||u - v|| / ||v|| in percent, v the reference."""
    return RELATIVE_ERROR.score(outputs[:, :1], targets)


def allen_cahn_residual(function: Function, points: Tensor) -> Tensor:
    """Return u_t - 0.0001 u_xx + 5 u^3 - 5 u at points (x, t), (N, 2) -> (N, 1).

    Source: Raissi et al. 2019, section 3.2.2.
    """
    u, u_t, u_xx = partials(function, points, (), (1,), (0, 0))
    return u_t - 1e-4 * u_xx + 5 * u**3 - 5 * u


BURGERS = Equation(
    title="Burgers' equation",
    file=DataFile(
        "burgers_shock.mat",
        "f4d11e6798b8d29b6829984952b04adcc470d9bf70dd7e56c7985cd8e316c4bf",
        _ORIGIN + "appendix/Data/burgers_shock.mat",
    ),
    keys=("x", "t", "usol"),
    start=lambda x: -torch.sin(math.pi * x),
    residual=burgers_residual,
)

# The edges of the reference are periodic; they stay within 0.003 of the -1 that u has here.
ALLEN_CAHN = Equation(
    title="the Allen-Cahn equation",
    file=DataFile(
        "AC.mat",
        "266e97eedd9ef543d7f6d370fa5f06388761aa7da2b97e476562dcf1d644a175",
        _ORIGIN + "main/Data/AC.mat",
    ),
    keys=("x", "tt", "uu"),
    start=lambda x: x.square() * torch.cos(math.pi * x),
    residual=allen_cahn_residual,
    end=0.5,
)


def _register(name: str, equation: Equation, published: Published | None = None) -> None:
    register(
        Task(
            name=name,
            title=equation.title,
            source="reference solution of Raissi et al., arXiv:1711.10561",
            folder=_FOLDER,
            data=equation.load,
            download=equation.download,
            network=equation.network,
            architecture="PINN 2-32-32-32-1",
            epochs=60,
            batch_size=512,
            optimizer="adam",
            learning_rates={"sgd": 0.01, "adam": 0.005, "adamw": 0.005},
            metric=replace(RELATIVE_ERROR, score=error_of_u),
            loss=residual_loss,
            practical_difference=1.0,
            limits=(
                "One equation with one start: validation and test are points of one solution.",
                "A minute of Adam, where papers take hours, or L-BFGS: nothing here has converged.",
            ),
            network_limits=(
                "A function without a second derivative, such as ReLU, cannot see diffusion.",
            ),
            published=published,
        )
    )


_register(
    "pinn-burgers",
    BURGERS,
    Published(
        0.067,
        "8 layers of 20 tanh, by L-BFGS",
        "6.7e-4 in Raissi et al. 2017, arXiv:1711.10561, figure 1",
    ),
)
_register("pinn-allen-cahn", ALLEN_CAHN)
