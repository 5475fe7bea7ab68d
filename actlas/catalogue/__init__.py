"""Floor 2: the data. One file per mathematical family, one block per function.

Files beginning with an underscore hold the machinery; every other file is a family and is found
by itself. See README.md in this folder for how to add a function.
"""

from actlas.catalogue._definition import (
    NONNEGATIVE, POSITIVE, REAL, UNIT, Definition, Domain, Parameter, Shape, Value, between,
    choice, fixed, learnable, unroll,
)  # fmt: skip
from actlas.catalogue._paper import USER, Claim, Paper
from actlas.catalogue._registry import activation, define, find, fold, forget, load

__all__ = [
    "NONNEGATIVE", "POSITIVE", "REAL", "UNIT", "USER", "Claim", "Definition", "Domain", "Paper",
    "Parameter", "Shape", "Value", "activation", "between", "choice", "define", "find", "fixed",
    "fold", "forget", "learnable", "load", "unroll",
]  # fmt: skip
