"""Identity: which function of the catalogue is this, and is it the one a checkpoint expects?

`identify(thing)` measures; `check_dialect(expected, model)` warns; `catalogue_curves()` are the
curves that both compare with, and `dialects()` what other libraries compute under a name.
"""

from actlas.surgery.identification.check import DialectWarning, Site, check_dialect
from actlas.surgery.identification.curves import Curves, catalogue_curves
from actlas.surgery.identification.lookup import identify
from actlas.surgery.identification.result import Identity
from actlas.surgery.identification.table import Dialect, dialects, find_dialect, libraries

__all__ = [
    "Curves", "Dialect", "DialectWarning", "Identity", "Site", "catalogue_curves", "check_dialect",
    "dialects", "find_dialect", "identify", "libraries",
]  # fmt: skip
