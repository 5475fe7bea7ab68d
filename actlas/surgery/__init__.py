"""Floor 7: surgery on models that somebody already has."""

from actlas.surgery.guided import guided_backprop
from actlas.surgery.replacement import Report, Row, Site, param_groups, replace

__all__ = ["Report", "Row", "Site", "guided_backprop", "param_groups", "replace"]
