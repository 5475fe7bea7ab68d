"""Short names for sites whose paths are long."""

from __future__ import annotations

from collections.abc import Sequence

_LONG = 24  # a name up to this length is left as it is


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return names without the parts that do not tell them apart.

    Of a long path the numbers stay, what they count, and the end; nothing is shortened if two
    names became one.

    >>> short_names(["bert.encoder.layer.0.intermediate.act", "head.act"])
    {'bert.encoder.layer.0.intermediate.act': 'layer.0.act', 'head.act': 'head.act'}
    """
    short = {name: _shorter(name) if len(name) > _LONG else name for name in names}
    return short if len(set(short.values())) == len(short) else {name: name for name in names}


def _shorter(name: str) -> str:
    parts = name.split(".")
    numbers = {k for k, part in enumerate(parts) if part.isdigit()}
    keep = numbers | {k - 1 for k in numbers} if numbers else {len(parts) - 2}
    return ".".join(part for k, part in enumerate(parts) if k in {*keep, len(parts) - 1})
