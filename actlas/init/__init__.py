"""Floor 7: initialisation. Gains of every function, drop-ins for torch.nn.init, AutoInit.

>>> round(gain("mish"), 4)
1.4868
"""

from __future__ import annotations

from actlas.init.autoinit import autoinit_
from actlas.init.gains import gain, stability_slope
from actlas.init.report import Layer, Report
from actlas.init.tensors import (
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    siren_,
    siren_uniform_,
    xavier_normal_,
    xavier_uniform_,
)
from actlas.init.weighted_sum import WeightedSum

__all__ = [
    "Layer",
    "Report",
    "WeightedSum",
    "autoinit_",
    "gain",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "siren_",
    "siren_uniform_",
    "stability_slope",
    "xavier_normal_",
    "xavier_uniform_",
]
