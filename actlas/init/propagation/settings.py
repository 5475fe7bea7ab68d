"""What a walk assumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

Moments = tuple[float, float]
Estimator = Callable[..., Moments]


@dataclass(frozen=True)
class Settings:
    """The data's moments, the variance wanted behind each layer, and the corrections made."""

    data_mean: float = 0.0
    data_variance: float = 1.0
    data_correlation: float = 0.0
    signal_variance: float = 1.0
    centred: bool = False
    padding: bool = True
    estimators: Mapping[type[nn.Module], Estimator] = field(default_factory=dict)

    def estimator(self, module: nn.Module) -> Estimator | None:
        """Return the estimator that the user gave for a module's class, or None."""
        found = (self.estimators.get(cls) for cls in type(module).__mro__)
        return next((estimator for estimator in found if estimator is not None), None)
