"""timm: every function of actlas as an `act_layer`, by its name.

    from actlas.integrations import timm
    timm.register()
    create_model("resnet18", act_layer="telu")

By class it needs no registration: `create_model("resnet18", act_layer=actlas.nn.TeLU)`.
"""

from __future__ import annotations

from collections.abc import Iterable

from actlas.errors import need_extra
from actlas.integrations._registration import Registration, register_in


def register(overwrite: Iterable[str] = ()) -> Registration:
    """Enter the functions into the tables where timm looks names of activations up.

    Each has two names: "actlas:telu" always, and "telu" where timm has no such name. Models that
    do not hand `act_layer` on keep their own functions; look with `actlas.monitor`, or change
    them with `actlas.replace`.

    Args:
        overwrite: names of timm that are to mean actlas's function, for example ["mish"].

    Returns:
        What was added, kept and replaced; its `undo()` puts everything back.

    Raises:
        ActlasError: if timm is not installed, or `overwrite` names what is not there.
    """
    acts = need_extra("timm.layers.create_act", "timm")
    layers = [acts._ACT_LAYER_DEFAULT, acts._ACT_LAYER_ME]
    return register_in(layers, [acts._ACT_FN_DEFAULT, acts._ACT_FN_ME], overwrite)
