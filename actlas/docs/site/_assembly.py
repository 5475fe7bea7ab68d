"""Putting the sources of the site together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from actlas.api import get, names
from actlas.docs._drawing import hero, picture
from actlas.docs._functions import function_card
from actlas.docs._index import UNIT_FAMILY, UNIT_FOLDER, in_words, index
from actlas.docs._units import unit_card
from actlas.docs.site import _links
from actlas.docs.site._reference import reference_pages
from actlas.errors import ActlasError
from actlas.nn.structured import units

_START = PurePosixPath("docs/index.md")
_CODE = {".py": "python", ".toml": "toml", ".sh": "sh", ".c": "c", ".js": "javascript"}


def assemble(
    repository: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    functions: Sequence[str] | None = None,
) -> int:
    """Write the sources of the site and return how many files these are.

    A file there that belongs to the site no longer is deleted.

    Args:
        repository: the folder that holds docs/ and README.md.
        folder: of the sources; made if it is not there, and nothing else may be in it.
        functions: ids of the functions that get a card, by default all.

    Raises:
        ActlasError: if there is no docs/index.md, or `folder` cannot be written.
    """
    root, written = Path(repository), Path(folder)
    if not (root / _START).is_file():
        raise ActlasError(f"{root} is not the repository of actlas: it has no {_START}")
    made = dict(gathered(root)) | dict(generated(functions))
    try:
        for name, content in made.items():
            (written / name).parent.mkdir(parents=True, exist_ok=True)
            (written / name).write_bytes(content)
        for path in written.rglob("*"):
            if path.is_file() and str(path.relative_to(written)) not in made:
                path.unlink()
    except OSError as error:
        raise ActlasError(f"cannot write the site into {written}: {error.strerror}") from None
    return len(made)


def gathered(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (place on the site, content) of docs/ and of all that its pages lead to."""
    found = [path for path in (root / "docs").rglob("*") if _belongs(path.relative_to(root))]
    waiting = [PurePosixPath(path.relative_to(root)) for path in sorted(found)]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if path.suffix != ".md" or _links.place(path).parts[0] == "source":
            yield str(_links.place(path)), _other(root, path)
            continue
        text, targets = _page(root, path)
        waiting += sorted(targets - seen)
        seen |= targets
        yield str(_links.place(path)), text.encode()


def _belongs(path: Path) -> bool:
    """Say whether a file of docs/ is part of the site: not what an earlier version left there."""
    return path.suffix in (".md", *_links.PICTURES_AND_DATA) and path.parts[1] not in (
        "functions",
        "static",
    )


def _page(root: Path, path: PurePosixPath) -> tuple[str, set[PurePosixPath]]:
    """Return a page as it is on the site, and the files of the repository that it leads to."""
    targets = set()

    def change(link: str) -> str:
        found = _links.target(path, link)
        if (root / found).is_dir():
            found /= "README.md"
        if not (root / found).is_file():
            return link  # a generated page, or one that Sphinx will find missing
        targets.add(found)
        return _links.between(_links.place(path), _links.place(found))

    text = _links.relinked((root / path).read_text(encoding="utf-8"), change)
    if path == _START:
        text = text.replace("\n\n", f"\n\n{hero()}\n\n", 1)
    return _links.uncovered(text), targets


def _other(root: Path, path: PurePosixPath) -> bytes:
    """Return a picture or data as it is, and code as a page."""
    content = (root / path).read_bytes()
    if path.suffix in _links.PICTURES_AND_DATA:
        return content
    head = f"---\norphan: true\nnosearch: true\n---\n# `{path}`\n\n"
    fence = f"`````{_CODE.get(path.suffix, 'text')}\n"
    return (head + fence).encode() + content.rstrip() + b"\n`````\n"


def generated(functions: Sequence[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (place on the site, content) of the cards, their index and the reference."""
    yield "functions/index.md", index(functions, pictured=True).encode()
    for name in names() if functions is None else functions:
        yield f"functions/{name}.md", _card(_pictured(name), in_words(get(name).family))
    for unit in units().values():
        yield f"functions/{UNIT_FOLDER}/{unit.id}.md", _card(unit_card(unit), UNIT_FAMILY)
    for module, text in reference_pages():
        yield f"api/{module}.rst", text.encode()


def _card(text: str, family: str) -> bytes:
    """Keep two hundred cards out of the side bar: their index leads to them, by families."""
    return f"---\norphan: true\nfamily: {family}\n---\n{text}".encode()


def _pictured(name: str) -> str:
    """Return the card of a function with its curve behind the first sentence."""
    function = get(name)
    title, about, rest = function_card(function).split("\n\n", 2)
    return "\n\n".join([title, about, *filter(None, [picture(function)]), rest])
