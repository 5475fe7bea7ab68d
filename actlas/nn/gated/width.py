"""The width of a gated block that has as many weights as a plain one."""

from __future__ import annotations

from actlas.errors import ActlasError


def hidden_width(features: int, expansion: float = 4.0, multiple_of: int = 1) -> int:
    """Return 2/3 of the usual hidden width, rounded up to a multiple.

    A gated block has three matrices where a plain one has two, so with 2/3 of the width it has as
    many weights (Shazeer 2020, arXiv:2002.05202, section 2).

    Args:
        features: width of the model, 1 or more.
        expansion: hidden width of the plain block divided by `features`.
        multiple_of: what the result is a multiple of; 256 in Llama.

    Raises:
        ActlasError: for numbers that are not positive, or a result of 0.

    >>> hidden_width(4096, multiple_of=256), hidden_width(64)
    (11008, 170)
    """
    for what, value in (("features", features), ("multiple_of", multiple_of)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ActlasError(f"{what} must be an integer of at least 1, got {value!r}")
    if not 0 < expansion < float("inf"):
        raise ActlasError(f"expansion must be a number above 0, got {expansion!r}")
    width = int(2 * expansion * features / 3)
    if width < 1:
        raise ActlasError(f"expansion {expansion} of {features} features leaves no hidden channel")
    return -(-width // multiple_of) * multiple_of
