"""Floor 8: training methods of the founding papers: noise, skipped blocks, new beginnings.

>>> from actlas.training import linear_survival
>>> linear_survival(2)
(0.75, 0.5)
"""

from __future__ import annotations

from actlas.training.controlled_fine_tuning import (
    Arms,
    fine_tune_with_control,
    relative_error_reduction,
)
from actlas.training.damage import Cell, assess
from actlas.training.damage_data import Buildings, buildings, harvey, synthetic
from actlas.training.drop_path import DropPath, drop_path_, drop_path_rates
from actlas.training.fine_tuning import (
    FINE_TUNING_GRID,
    FINE_TUNING_STEPS,
    SCRATCH_GRID,
    SCRATCH_STEPS,
    fine_tune,
    train_over_grid,
)
from actlas.training.imbalance import Metrics, metrics
from actlas.training.langevin import (
    LangevinAdadelta,
    LangevinAdam,
    LangevinRMSprop,
    LangevinSGD,
)
from actlas.training.langevin_layers import deepest_layers, layer_groups
from actlas.training.langevin_schedules import SigmaSchedule, rate_factor, sigma_factor
from actlas.training.probes import Rise, margins, noise_robustness
from actlas.training.reinitialisation import (
    FrozenNormalisation,
    LayerwiseNetwork,
    Round,
    first_blocks,
    layerwise_reinitialisation,
)
from actlas.training.stochastic_depth import (
    StochasticBranch,
    StochasticDepth,
    linear_survival,
    stochastic_depth_,
    uniform_survival,
)
from actlas.training.transfer import (
    PENALTIES,
    Chosen,
    extract_features,
    fixed_features,
    mean_per_class,
    top_1,
)
from actlas.training.transfer_statistics import (
    Correlation,
    centred_logits,
    correlation,
    logit,
    standard_errors,
    transfer_correlation,
)

__all__ = [
    "FINE_TUNING_GRID",
    "FINE_TUNING_STEPS",
    "PENALTIES",
    "SCRATCH_GRID",
    "SCRATCH_STEPS",
    "Arms",
    "Buildings",
    "Cell",
    "Chosen",
    "Correlation",
    "DropPath",
    "FrozenNormalisation",
    "LangevinAdadelta",
    "LangevinAdam",
    "LangevinRMSprop",
    "LangevinSGD",
    "LayerwiseNetwork",
    "Metrics",
    "Rise",
    "Round",
    "SigmaSchedule",
    "StochasticBranch",
    "StochasticDepth",
    "assess",
    "buildings",
    "centred_logits",
    "correlation",
    "deepest_layers",
    "drop_path_",
    "drop_path_rates",
    "extract_features",
    "fine_tune",
    "fine_tune_with_control",
    "first_blocks",
    "fixed_features",
    "harvey",
    "layer_groups",
    "layerwise_reinitialisation",
    "linear_survival",
    "logit",
    "margins",
    "mean_per_class",
    "metrics",
    "noise_robustness",
    "rate_factor",
    "relative_error_reduction",
    "sigma_factor",
    "standard_errors",
    "stochastic_depth_",
    "synthetic",
    "top_1",
    "train_over_grid",
    "transfer_correlation",
    "uniform_survival",
]
