"""The page: one HTML file that holds everything and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any

from actlas.api import get, names
from actlas.backends.sources import LANGUAGES
from actlas.errors import ActlasError
from actlas.explorer._cache import kept
from actlas.explorer._cards import card
from actlas.explorer._curves import generated
from actlas.explorer._units import unit_cards
from actlas.explorer.costs import shipped
from actlas.explorer.studies import appearances

NAME = "index.html"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|let|function|class)", re.MULTILINE)


def page(
    functions: Iterable[str] | None = None,
    *,
    costs: Mapping[str, Any] | None = None,
    studies: Path | None = None,
) -> str:
    """Return the explorer as one HTML document, by default with every function and unit.

    Args:
        functions: names, each with all of its variants; units come with the whole catalogue.
        costs: what calls cost, as `actlas.explorer.costs` reads them; by default what ships.
        studies: the folder of the verdicts of published claims, if there is one.

    Raises:
        ActlasError: for an unknown name, or if the `explore` extra is missing.
    """
    chosen = [get(name) for name in (names() if functions is None else functions)]
    measured, found = dict(shipped() if costs is None else costs), appearances(studies)
    each = measured.pop("functions", {})
    data = {
        "cards": [
            card(function)
            | {"cost": each.get(function.name), "studies": found.get(function.name, [])}
            for function in chosen
        ],
        "units": unit_cards() if functions is None else [],
        "measured": measured,
        "runtimes": {
            n: language.runtime for n, language in LANGUAGES.items() if not language.helper
        },
    }
    curves = f"{generated(chosen)}export const DATA = {as_script(data)};\n"
    here, vendor = files(__package__).joinpath("static"), files(__package__).joinpath("vendor")
    texts = {p.name: p.read_text(encoding="utf-8") for p in here.iterdir()}
    modules = {n.removesuffix(".js"): t for n, t in texts.items() if n.endswith(".js")}
    scripts = (
        vendor.joinpath("uPlot.iife.min.js").read_text(encoding="utf-8"),
        bundled({**modules, "catalogue": curves}, "main"),
    )
    styles = (
        vendor.joinpath("uPlot.min.css").read_text(encoding="utf-8"),
        *(text for name, text in sorted(texts.items()) if name.endswith(".css")),
    )
    return _filled(texts[NAME], scripts, "\n".join(styles))


def _filled(template: str, scripts: tuple[str, str], style: str) -> str:
    """Fill the template; the browser runs what carries one of our hashes, and nothing else."""
    allowed = " ".join(_hash(script) for script in scripts)
    policy = (f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; "
              "img-src data: blob:; base-uri 'none'; form-action 'none'")  # fmt: skip
    parts = {"policy": policy, "style": style, "uplot": scripts[0], "script": scripts[1]}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def as_script(value: object) -> str:
    """Return data as JavaScript in which nothing can end the script it stands in.

    >>> as_script({"name": "</script>", "high": float("inf")})
    '{"name":"\\\\u003c/script>","high":Infinity}'
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def bundled(modules: Mapping[str, str], main: str) -> str:
    """Return one script with every module that `main` needs, each behind what it imports.

    Modules share one scope then, so no two of them may give one name at their top.

    >>> bundled({"a": 'import { b } from "./b.js";\\nb();\\n', "b": "export const b = 1;\\n"}, "a")
    'const b = 1;\\nb();\\n'
    """
    needs: dict[str, set[str]] = {}
    waiting = [main]
    while waiting:
        name = waiting.pop()
        needs[name] = set(_IMPORT.findall(modules[name]))
        waiting.extend(needs[name] - set(needs))
    order = TopologicalSorter({name: sorted(wanted) for name, wanted in sorted(needs.items())})
    return "".join(_EXPORT.sub("", _IMPORT.sub("", modules[name])) for name in order.static_order())


def write(
    folder: str | os.PathLike[str],
    *,
    costs: Mapping[str, Any] | None = None,
    studies: Path | None = None,
) -> Path:
    """Write the explorer into `folder`, for any static host, and return the path of the page.

    Args:
        folder: made if it is not there.
        costs, studies: as for `page`.

    Raises:
        ActlasError: if the folder cannot be made or written; then nothing is left there.
    """
    root = Path(folder)
    part = root / f"{NAME}.part"
    made = [place for place in (root, *root.parents) if not place.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise PermissionError(13, "it is read-only")
        part.write_text(_kept_page(costs, studies), encoding="utf-8")
        return part.replace(root / NAME)
    except OSError as error:
        raise ActlasError(f"cannot write the explorer into {root}: {error.strerror}") from None
    finally:
        _tidy(part, made)


def _kept_page(costs: Mapping[str, Any] | None, studies: Path | None) -> str:
    """Return the whole page, from the cache where nothing of what makes it has changed."""
    parts = [json.dumps(costs), json.dumps(appearances(studies))]
    return kept(lambda: page(costs=costs, studies=studies), parts)


def _tidy(part: Path, made: Sequence[Path]) -> None:
    """Remove what a failed build leaves; a folder that holds the page is not empty and stays."""
    with suppress(OSError):
        part.unlink()
    for place in made:
        with suppress(OSError):
            place.rmdir()
