"""Without the package there is one sentence that names the extra, and nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.integrations import timm, transformers
from actlas.surgery.monitor.session import Monitor


def _watch() -> Monitor:
    return actlas.monitor(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


VERBS: dict[str, tuple[str, str, Callable[[], object]]] = {
    "transformers": ("transformers.activations", "hf", transformers.register),
    "timm": ("timm.layers.create_act", "timm", timm.register),
    "Lightning": ("lightning.pytorch", "lightning", lambda: _watch().for_lightning()),
    "the Trainer": ("transformers", "hf", lambda: _watch().for_transformers()),
}


@pytest.mark.parametrize("name", VERBS)
def test_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra, verb = VERBS[name]
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "pytorch_lightning", raising=False)
    with pytest.raises(ActlasError, match=rf'{module} is needed here .* "actlas\[{extra}\]"'):
        verb()
