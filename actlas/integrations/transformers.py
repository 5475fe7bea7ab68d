"""Hugging Face transformers: every function of actlas as a `hidden_act`.

from actlas.integrations import transformers
transformers.register()
BertConfig(hidden_act="telu")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from actlas.errors import need_extra
from actlas.integrations._registration import Registration, register_in
from actlas.nn._module import ElementwiseModule

_MARK = "_is_hf_initialized"


def register(overwrite: Iterable[str] = ()) -> Registration:
    """Enter the functions into `ACT2CLS` and `ACT2FN`, where models look `hidden_act` up.

    Each has two names: "actlas:telu" always, and "telu" where transformers has no such name. To
    call it again adds what was defined since. Call it before `from_pretrained` too: a saved
    config holds the name, and the name has to mean something when it is read.

    Args:
        overwrite: names of transformers that are to mean actlas's function, for example ["gelu"].

    Returns:
        What was added, kept and replaced; its `undo()` puts everything back.

    Raises:
        ActlasError: if transformers is not installed, or `overwrite` names what is not there.
    """
    activations = need_extra("transformers.activations", "hf")
    if _MARK not in vars(ElementwiseModule):
        setattr(ElementwiseModule, _MARK, property(_fill, _nothing))
    return register_in([activations.ACT2CLS, activations.ACT2FN], overwrite=overwrite)


@torch.no_grad()
def _fill(module: nn.Module) -> bool:
    """Give learnable parameters that a checkpoint lacks their initial values.

    When transformers has read a checkpoint it allocates what is missing, asks every module for
    this mark, and initialises the layers it knows where it is False. Ours it does not know: their
    parameters would stay what happened to lie in memory. The question is the moment to fill them.
    """
    given = {key: p for key, p in module.named_parameters() if getattr(p, _MARK, False)}
    missing = [p for key, p in module.named_parameters() if key not in given]
    if missing and not any(p.is_meta for p in module.parameters()):
        loaded = {key: p.clone() for key, p in given.items()}
        module.reset_parameters()  # type: ignore[operator]
        for key, value in loaded.items():
            module.get_parameter(key).copy_(value)
        for p in missing:
            setattr(p, _MARK, True)
    return True


def _nothing(module: nn.Module, value: Any) -> None:
    """Take the mark that transformers sets, which the module answers by itself."""
