"""actlas in other people's libraries: names they understand, and classes they can build.

    from actlas.integrations import activation_layer, timm, transformers

Nothing here is needed for `torch.nn`: an `actlas.nn` class goes wherever a class of `torch.nn`
goes, and is built with no argument or with `inplace=` alone.
"""

from __future__ import annotations

from actlas.integrations._layers import activation_layer
from actlas.integrations._registration import Registration

__all__ = ["Registration", "activation_layer"]
