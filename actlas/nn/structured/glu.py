"""The gated units of the papers: GLU, Bilinear, ReGLU, GEGLU, SwiGLU, and the clamped SwiGLU."""

from __future__ import annotations

from actlas.catalogue import Paper
from actlas.nn.structured._registry import unit
from actlas.nn.structured.gated import GatedUnit

_DAUPHIN = Paper("Dauphin et al.", 2017, arxiv="1612.08083",
                 title="Language Modeling with Gated Convolutional Networks")  # fmt: skip
_SHAZEER = Paper("Shazeer", 2020, arxiv="2002.05202", title="GLU Variants Improve Transformer")
_GPT_OSS = Paper("OpenAI", 2025, arxiv="2508.10925",
                 title="gpt-oss-120b and gpt-oss-20b Model Card")  # fmt: skip
_OTHER = "torch.nn.Bilinear is another thing: a layer with a three-dimensional weight."
_TWO_GELUS = ("Public code disagrees on the GELU: Gemma and T5 v1.1 use the tanh form, diffusers "
              "the exact one, and diffusers gates with the second half.")  # fmt: skip
_NOT_PLAIN = ("A plain SwiGLU in its place ignores limit and offset, and the model's output is "
              "garbage. gpt-oss has the halves in turn, MiniMax-M3 the gate first.")  # fmt: skip


class _Plain(GatedUnit):
    """A unit whose gate has no parameters and whose linear half stays as it is."""

    def __init__(self, dim: int = -1, layout: str = "gate_first", inplace: bool = False) -> None:
        super().__init__(self.gate_function, dim=dim, layout=layout, inplace=inplace)


@unit(id="glu", aliases=("gated_linear_unit",), paper=_DAUPHIN)
class GLU(_Plain):
    r"""Linear half times the sigmoid of the gate half; the gate lies second, as in torch.nn.GLU.

    .. math:: y = \sigma(g) \, u

    Args:
        dim: the dimension whose channels are halved.
        layout: where the gate lies, see GatedUnit; here "gate_second", all others "gate_first".
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    Source: Dauphin et al. 2017, equation 1.

    >>> import torch
    >>> GLU()(torch.tensor([3.0, 0.0]))
    tensor([1.5000])
    """

    gate_function = "sigmoid"

    def __init__(self, dim: int = -1, layout: str = "gate_second", inplace: bool = False) -> None:
        super().__init__(dim, layout, inplace)


@unit(id="bilinear", aliases=("bilinear_gate",), paper=_SHAZEER, collisions=(_OTHER,))
class Bilinear(_Plain):
    r"""Product of the two halves, without a gate function.

    .. math:: y = g \, u

    Args:
        dim: the dimension whose channels are halved.
        layout: how the halves lie, see GatedUnit.
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    Source: Shazeer 2020, equation 5.

    >>> import torch
    >>> Bilinear()(torch.tensor([2.0, 3.0]))
    tensor([6.])
    """

    gate_function = "identity"


@unit(id="reglu", paper=_SHAZEER)
class ReGLU(_Plain):
    r"""Linear half times the ReLU of the gate half.

    .. math:: y = \max(0, g) \, u

    Args:
        dim: the dimension whose channels are halved.
        layout: where the gate lies, see GatedUnit.
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    Source: Shazeer 2020, equation 5.

    >>> import torch
    >>> ReGLU()(torch.tensor([2.0, -1.0, 3.0, 3.0]))
    tensor([6., 0.])
    """

    gate_function = "relu"


@unit(id="geglu", paper=_SHAZEER, errata=(_TWO_GELUS,))
class GEGLU(GatedUnit):
    r"""Linear half times the GELU of the gate half.

    .. math:: y = g \, \Phi(g) \, u

    Args:
        approximate: "none" for the exact GELU, "tanh" for the form of Gemma and T5 v1.1.
        dim: the dimension whose channels are halved.
        layout: where the gate lies, see GatedUnit.
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    Source: Shazeer 2020, equation 5.

    >>> import torch
    >>> GEGLU(approximate="tanh")(torch.tensor([1.0, 2.0]))
    tensor([1.6824])
    """

    gate_function = "gelu"

    def __init__(
        self,
        approximate: str = "none",
        dim: int = -1,
        layout: str = "gate_first",
        inplace: bool = False,
    ) -> None:
        super().__init__(self.gate_function, dim=dim, layout=layout, inplace=inplace,
                         approximate=approximate)  # fmt: skip


@unit(id="swiglu", aliases=("silu_and_mul",), paper=_SHAZEER)
class SwiGLU(_Plain):
    r"""Linear half times the SiLU (Swish with beta = 1) of the gate half.

    .. math:: y = g \, \sigma(g) \, u

    Args:
        dim: the dimension whose channels are halved.
        layout: where the gate lies, see GatedUnit.
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    For a learnt beta write GatedUnit("swish"). Source: Shazeer 2020, equation 5.

    >>> import torch
    >>> SwiGLU(layout="two_tensors")(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.4621])
    """

    gate_function = "silu"


@unit(id="clamped_swiglu", aliases=("swigluoai", "gpt_oss_swiglu"), paper=_GPT_OSS,
      errata=(_NOT_PLAIN,))  # fmt: skip
class ClampedSwiGLU(GatedUnit):
    r"""SwiGLU of gpt-oss: steeper, both halves clamped, and one added to the linear half.

    .. math:: y = m \, \sigma(\alpha m) \, (c + o), \quad m = \min(g, L), \quad
        c = \max(-L, \min(u, L))

    Args:
        alpha: steepness of the sigmoid, greater than 0.
        limit: L, greater than 0.
        offset: o, added to the clamped linear half.
        dim: the dimension whose channels are halved.
        layout: where the gate lies, see GatedUnit; "interleaved" in gpt-oss.
        inplace: refused, because the output is smaller than the input.

    Shape: (*, 2C, *) -> (*, C, *), or two tensors (g, u) of one shape -> that shape.
    Source: the gpt-oss models in transformers; ClampedSwiGLU of Transformer Engine.

    >>> import torch
    >>> ClampedSwiGLU()(torch.tensor([100.0, 100.0]))
    tensor([55.9996])
    """

    gate_function = "min(x, limit)*sigmoid(alpha*min(x, limit))"
    linear_function = "max(-limit, min(x, limit)) + offset"

    def __init__(
        self,
        alpha: float = 1.702,
        limit: float = 7.0,
        offset: float = 1.0,
        dim: int = -1,
        layout: str = "interleaved",
        inplace: bool = False,
    ) -> None:
        super().__init__(self.gate_function, self.linear_function, dim, layout, inplace,
                         alpha=alpha, limit=limit, offset=offset)  # fmt: skip
