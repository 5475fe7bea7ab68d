"""How modules of torch.nn call their operation: its name and their attributes, in its order."""

from __future__ import annotations

from typing import Any

from torch import nn

from actlas.init.weighted_sum import WeightedSum

_DIMENSIONS: dict[str, tuple[str, str]] = {
    "Conv{}d": ("conv{}d", "weight bias stride padding dilation groups"),
    "ConvTranspose{}d": (
        "conv_transpose{}d", "weight bias stride padding output_padding groups dilation"),
    "BatchNorm{}d": ("batch_norm", "None None weight bias True None eps"),
    "InstanceNorm{}d": ("instance_norm", "None None weight bias True None eps"),
    "Dropout{}d": ("feature_dropout", "p"),
    "MaxPool{}d": ("max_pool{}d", "kernel_size stride padding dilation"),
    "AvgPool{}d": ("avg_pool{}d", "kernel_size stride padding ceil_mode count_include_pad"),
    "AdaptiveAvgPool{}d": ("adaptive_avg_pool{}d", "output_size"),
    "AdaptiveMaxPool{}d": ("adaptive_max_pool{}d", "output_size"),
    "ConstantPad{}d": ("pad", "padding constant value"),
    "ReflectionPad{}d": ("rearrange", ""),
    "ReplicationPad{}d": ("rearrange", ""),
    "CircularPad{}d": ("rearrange", ""),
}  # fmt: skip
_SINGLE: dict[type[nn.Module], tuple[str, str]] = {
    nn.Linear: ("linear", "weight bias"),
    nn.Bilinear: ("bilinear", "weight bias"),
    nn.Embedding: ("embedding", "weight"),
    nn.MultiheadAttention: ("multihead_attention", "itself"),
    nn.SyncBatchNorm: ("batch_norm", "None None weight bias True None eps"),
    nn.LayerNorm: ("layer_norm", "normalized_shape weight bias eps"),
    nn.GroupNorm: ("group_norm", "num_groups weight bias eps"),
    nn.RMSNorm: ("rms_norm", "normalized_shape weight eps"),
    nn.Dropout: ("dropout", "p"),
    nn.AlphaDropout: ("alpha_dropout", "p"),
    nn.FeatureAlphaDropout: ("alpha_dropout", "p"),
    nn.PReLU: ("prelu", "weight"),
    nn.GLU: ("glu", "dim"),
    nn.Softmax: ("softmax", "dim"),
    nn.Identity: ("identity", ""),
    nn.Flatten: ("rearrange", ""),
    nn.Unflatten: ("rearrange", ""),
    nn.PixelShuffle: ("rearrange", ""),
    nn.PixelUnshuffle: ("rearrange", ""),
    nn.ChannelShuffle: ("rearrange", ""),
    WeightedSum: ("weighted_sum", "coefficients"),
}
CALLS = _SINGLE | {
    getattr(nn, cls.format(d)): (operation.format(d), attributes)
    for cls, (operation, attributes) in _DIMENSIONS.items()
    for d in (1, 2, 3)
}
_CONSTANTS: dict[str, Any] = {"None": None, "True": True, "constant": "constant"}


def is_known(module: nn.Module) -> bool:
    """Say whether a module's operation has a rule; no attribute of it is touched.

    A subclass with a forward of its own may do anything, for example apply an activation.

    >>> is_known(nn.Linear(2, 2)), is_known(nn.GELU())
    (True, False)
    """
    return _class_of(module) is not None


def _class_of(module: nn.Module) -> type[nn.Module] | None:
    found = next((cls for cls in type(module).__mro__ if cls in CALLS), None)
    if found is None or getattr(type(module), "forward", None) is not getattr(found, "forward", 0):
        return None
    return found


def call_of(module: nn.Module) -> tuple[str, tuple[Any, ...]] | None:
    """Return the operation of a module and the arguments after its inputs, or None.

    >>> call_of(nn.Dropout(0.2))
    ('dropout', (0.2,))
    """
    cls = _class_of(module)
    if cls is None:
        return None
    operation, names = CALLS[cls]
    attributes = names.split()
    arguments = [_attribute(module, name) for name in attributes]
    if getattr(module, "padding_mode", "zeros") != "zeros" and "padding" in attributes:
        arguments[attributes.index("padding")] = None  # padded by data: every tap is live
    return operation, tuple(arguments)


def _attribute(module: nn.Module, name: str) -> Any:
    if name == "itself":
        return module
    return _CONSTANTS[name] if name in _CONSTANTS else getattr(module, name)
