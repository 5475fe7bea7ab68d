"""What a certificate says, and the files that hold them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from actlas.expr import Expr
from actlas.expr.text import to_text

FOLDER = "certificates"
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Certificate:
    """One fact of one formula, proved, or why it could not be.

    claim: the name of the fact, as in `Facts`.
    interval: where it is claimed, in x.
    bound: infimum, supremum, lipschitz: between which two doubles it lies; minimum, maximum:
        between which two the value lies; monotone_intervals: the senses (1, -1, 0) from left to
        right; smoothness: the number of continuous derivatives (-1: f jumps).
    places: infimum, supremum: where it is reached or approached; minimum, maximum: between
        which two doubles every such x lies, or the one place where f tends to the value and
        never has it; lipschitz: where |f'| is reached or approached;
        monotone_intervals: between which two doubles each turning point lies; smoothness: where
        the first derivative jumps.
    bits: the working precision. boxes: how many intervals were looked at.
    method: how. reason: why it is computed and not proved, or "".
    """

    claim: str
    interval: tuple[float, float] = (-math.inf, math.inf)
    bound: Numbers = ()
    places: Numbers = ()
    bits: int = 128
    boxes: int = 0
    method: str = ""
    reason: str = ""

    @property
    def proved(self) -> bool:
        """Whether the fact is certain."""
        return not self.reason

    @property
    def width(self) -> float:
        """How far the ends of what is claimed lie apart: 0 where it is exact."""
        if self.claim in ("monotone_intervals", "smoothness"):
            pairs = self.places if self.claim == "monotone_intervals" else ()
        else:
            pairs = self.bound
        both = zip(pairs[::2], pairs[1::2], strict=False)
        return max((high - low for low, high in both if math.isfinite(low)), default=0.0)


def fingerprint(root: Expr) -> str:
    """Return a name for a formula with its numbers: another formula has another one.

    >>> from actlas.expr import symbol, tanh
    >>> fingerprint(tanh(symbol("x"))) == fingerprint(tanh(2 * symbol("x")))
    False
    """
    return hashlib.sha256(to_text(root).encode()).hexdigest()[:16]


def write(family: Mapping[str, tuple[str, Iterable[Certificate]]], path: Path) -> None:
    """Write the certificates of a family: by function its fingerprint, then one line for each."""
    blocks = []
    for name, (formula, certificates) in sorted(family.items()):
        lines = [f'  "{c.claim}": {json.dumps(_plain(c))}' for c in certificates]
        blocks.append(f' "{name}": {{\n  "formula": "{formula}",\n' + ",\n".join(lines) + "\n }")
    path.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")


def _plain(certificate: Certificate) -> dict[str, Any]:
    """Return the fields that say something; infinities are words, for JSON has none."""
    usual = asdict(Certificate(certificate.claim))
    fields = {name: v for name, v in asdict(certificate).items() if v != usual[name]}
    return {name: _worded(value) for name, value in fields.items()}


def _worded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_worded(each) for each in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _read(claim: str, fields: Mapping[str, Any]) -> Certificate:
    known: Any = {
        name: tuple(map(float, value)) if isinstance(value, list) else value
        for name, value in fields.items()
    }
    return Certificate(claim, **known)


@cache
def stored() -> Mapping[str, tuple[str, Mapping[str, Certificate]]]:
    """Return (fingerprint, certificates by claim) for every function that has any."""
    folder = files("actlas.facts.proofs").joinpath(FOLDER)
    found: dict[str, tuple[str, Mapping[str, Certificate]]] = {}
    for path in _sources(folder):
        for name, fields in json.loads(path.read_text(encoding="utf-8")).items():
            formula = fields.pop("formula")
            found[name] = formula, {claim: _read(claim, each) for claim, each in fields.items()}
    return found


def _sources(folder: Traversable) -> list[Traversable]:
    there = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in there if p.name.endswith(".json")), key=lambda path: path.name)


@cache
def _by_formula() -> Mapping[str, Mapping[str, Certificate]]:
    return dict(stored().values())


def certificates_of(root: Expr) -> Mapping[str, Certificate]:
    """Return the certificates of a formula by claim; those of another formula never fit."""
    return _by_formula().get(fingerprint(root), {})
