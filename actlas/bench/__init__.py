"""Every function timed beside its peers, in one run: `actlas bench`, `make bench`."""

from __future__ import annotations

from actlas.bench.output import keep
from actlas.bench.plan import Request
from actlas.bench.runner import measure

__all__ = ["Request", "keep", "measure"]
