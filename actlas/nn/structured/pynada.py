"""PyNADA: a neuron with two sets of weights, apical and basal (Georgescu et al. 2020)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.nn.structured._common import empty_layer, need_finite, need_float, need_positive
from actlas.nn.structured._registry import unit

PAPER = Paper(
    author="Georgescu et al.", year=2020, arxiv="2003.03229",
    title="Non-linear Neurons with Human-like Apical Dendrite Activations",
)  # fmt: skip


@unit(id="pynada_linear", title="PyNADA (linear)", aliases=("pynada", "pyramidal_neuron"),
      paper=PAPER,
      errata=("Its two full sets of weights double the parameters of a layer, and the paper "
              "compares it with a single set: compare it with a wider ReLU layer too.",
              "ADA's c is 0 in the released vision code and 1 in that for text."))  # fmt: skip
class PyNADALinear(nn.Module):
    r"""Linear layer of neurons that add an apical dendrite's activation to a rectifier's.

    .. math:: y = \mathrm{ADA}(W_1 x + b_1) + \mathrm{ReLU}(W_2 x + b_2), \qquad
              \mathrm{ADA}(u) = \max(u, 0)\, e^{c - \alpha u}

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether both sets have biases.
        alpha: how fast ADA falls behind its peak at 1 / alpha, positive; constant.
        c: sets the height of the peak, e^(c - 1) / alpha.
        generator: random state of the initial values; None takes PyTorch's.

    Shape: (*, in_features) -> (*, out_features).

    Raises ActlasError for an alpha that is not positive, another last dimension or an input that
    is not floating point. Initial values are those of torch.nn.Linear. For other layers and
    functions see `actlas.models.pynada.PyNADA`. Source: Georgescu et al. 2020.

    >>> PyNADALinear(3, 4)(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    __constants__: ClassVar[list[str]] = ["in_features", "out_features", "alpha", "c"]
    apical_layer: nn.Module
    basal_layer: nn.Module

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        alpha: float = 1.0,
        c: float = 0.0,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        from actlas.nn import create  # which imports this file

        super().__init__()
        self.in_features = need_positive(in_features, "in_features", "PyNADALinear")
        self.out_features = need_positive(out_features, "out_features", "PyNADALinear")
        self.alpha = need_finite(alpha, "alpha", "PyNADALinear")
        self.c = need_finite(c, "c", "PyNADALinear")
        if self.alpha <= 0:
            raise ActlasError(f"PyNADALinear: alpha must be positive, got {alpha!r}")
        for name in ("apical_layer", "basal_layer"):
            layer = empty_layer(
                nn.Linear, in_features, out_features, bias=bias, device=device, dtype=dtype
            )
            self.add_module(name, layer)
        self.apical = create("ada", alpha=self.alpha, c=self.c, learnable=False)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw both sets of weights anew, as torch.nn.Linear does."""
        for layer in (self.apical_layer, self.basal_layer):
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(self.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "PyNADALinear")
        if input.ndim == 0 or input.shape[-1] != self.in_features:
            raise ActlasError(f"PyNADALinear: the last dimension must be {self.in_features}, got "
                              f"an input of shape {tuple(input.shape)}")  # fmt: skip
        peaked: Tensor = self.apical(self.apical_layer(input))
        return peaked + torch.relu(self.basal_layer(input))

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"alpha={self.alpha}, c={self.c}")  # fmt: skip
