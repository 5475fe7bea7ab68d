"""The gated block of a transformer: two projections, a gated unit, and the way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.types import Device

from actlas.catalogue import Paper
from actlas.nn.gated.layout import check_layout
from actlas.nn.gated.width import hidden_width
from actlas.nn.structured._common import empty_layer, need_float, need_positive
from actlas.nn.structured._registry import find_unit, unit
from actlas.nn.structured.gated import GatedUnit

_SHAZEER = Paper("Shazeer", 2020, arxiv="2002.05202", title="GLU Variants Improve Transformer")


@unit(id="gated_mlp", aliases=("gated_feed_forward",), paper=_SHAZEER)
class GatedMLP(nn.Module):
    r"""Feed-forward block with a gated unit between its projections.

    .. math:: y = W_d \left( f(W_g x) \, h(W_u x) \right)

    Args:
        in_features: size of the last dimension of the input.
        hidden_features: width between; None takes 2/3 of four times in_features, so that the block
            has as many weights as a plain one.
        out_features: size of the last dimension of the output; None takes in_features.
        gate: a gated unit ("swiglu", "geglu", "clamped_swiglu"), a function of the catalogue, or a
            formula of x for the gate half.
        layout: "two_tensors" keeps gate_proj and up_proj apart, as Llama does in transformers; any
            other has one gate_up_proj, see GatedUnit.
        bias: whether the projections have a bias.
        multiple_of: what the width of hidden_features=None is a multiple of.
        generator: random state of the initial values; None takes PyTorch's.
        parameters: of the gated unit.

    Shape: (*, in_features) -> (*, out_features).

    Raises ActlasError for sizes below 1, unknown names, or an input that is not floating point.
    Initial values are those of torch.nn.Linear. Source: Shazeer 2020, equation 6.

    >>> import torch
    >>> GatedMLP(6, gate="swiglu")(torch.zeros(5, 6)).shape
    torch.Size([5, 6])
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        gate: str = "swiglu",
        layout: str = "two_tensors",
        bias: bool = False,
        multiple_of: int = 1,
        generator: torch.Generator | None = None,
        device: Device = None,
        dtype: torch.dtype | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__()
        self.in_features = need_positive(in_features, "in_features", "GatedMLP")
        wide = hidden_width(in_features, multiple_of=multiple_of)
        self.hidden_features = wide if hidden_features is None else hidden_features
        need_positive(self.hidden_features, "hidden_features", "GatedMLP")
        self.out_features = in_features if out_features is None else out_features
        need_positive(self.out_features, "out_features", "GatedMLP")
        self.layout = check_layout(layout, "GatedMLP")
        self.act = _unit(gate, layout, parameters)
        for name, (inside, outside) in self._projections().items():
            layer = empty_layer(nn.Linear, inside, outside, bias=bias, device=device, dtype=dtype)
            self.add_module(name, layer)
        self.reset_parameters(generator)

    def _projections(self) -> dict[str, tuple[int, int]]:
        """Return the sizes of the layers by name, in the order of transformers."""
        inside, wide = self.in_features, self.hidden_features
        apart = {"gate_proj": (inside, wide), "up_proj": (inside, wide)}
        fused = {"gate_up_proj": (inside, 2 * wide)}
        first = apart if self.layout == "two_tensors" else fused
        return {**first, "down_proj": (wide, self.out_features)}

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew, as torch.nn.Linear does."""
        for name in self._projections():
            layer = self.get_submodule(name)
            bound = float(layer.in_features) ** -0.5  # type: ignore[arg-type]
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        self.act.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        need_float(input, "GatedMLP")
        *first, last = (self.get_submodule(name) for name in self._projections())
        return last(self.act(*(layer(input) for layer in first)))  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _unit(gate: str, layout: str, parameters: dict[str, Any]) -> GatedUnit:
    known = find_unit(gate)
    if known is not None and issubclass(known.cls, GatedUnit) and known.cls is not GatedUnit:
        return known.cls(layout=layout, **parameters)
    return GatedUnit(gate, layout=layout, **parameters)
