"""`actlas.nn.functional`, importable by its short name: `import actlas.functional as F`."""

import sys
from typing import TYPE_CHECKING

from actlas.nn import functional

if TYPE_CHECKING:
    from actlas.nn.functional import __getattr__ as __getattr__

sys.modules[__name__] = functional
