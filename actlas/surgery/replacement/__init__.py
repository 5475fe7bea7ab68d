"""Other activation functions in a model that somebody already has."""

from actlas.surgery.replacement.groups import param_groups
from actlas.surgery.replacement.replacing import replace
from actlas.surgery.replacement.report import Report, Row
from actlas.surgery.replacement.sites import Site

__all__ = ["Report", "Row", "Site", "param_groups", "replace"]
