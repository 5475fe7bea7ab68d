"""Links between pages, as they stand in the repository and as they stand on the site."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import PurePosixPath

PICTURES_AND_DATA = (".png", ".svg", ".json", ".csv")

_FENCES = re.compile(r"(^(`{3,}).*?^\2$)", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")
_HIDDEN = re.compile(r"^<!-- (\{\w+\}.*?)\s*-->$", re.MULTILINE | re.DOTALL)


def relinked(text: str, change: Callable[[str], str]) -> str:
    """Return a page with every relative link changed; code is left as it is.

    Args:
        text: Markdown.
        change: gets the path of a link, without its anchor, and returns the new one.

    >>> relinked("[a](b.md#c), [d](https://e.org), `code`", str.upper)
    '[a](B.MD#c), [d](https://e.org), `code`'
    """
    parts = _FENCES.split(text)  # text, a whole fence, its backticks, text, ...
    parts[::3] = (_TARGET.sub(lambda found: change(found[1]), part) for part in parts[::3])
    del parts[2::3]
    return "".join(parts)


def uncovered(text: str) -> str:
    """Return a page with the directives that stand in comments, unseen where they mean nothing.

    >>> print(uncovered("<!-- {toctree}\\none\\ntwo -->"))
    ```{toctree}
    one
    two
    ```
    """
    return _HIDDEN.sub(r"```\1\n```", text)


def place(path: PurePosixPath) -> PurePosixPath:
    """Return where a file of the repository lies on the site.

    >>> print(place(PurePosixPath("docs/init.md")), place(PurePosixPath("actlas/nn/README.md")))
    init.md project/actlas/nn/readme.md
    >>> print(place(PurePosixPath("actlas/api.py")), place(PurePosixPath("benchmarks/a.png")))
    source/actlas/api.py.md files/benchmarks/a.png
    """
    if path.parts[0] == "docs":
        return PurePosixPath(*path.parts[1:])
    if path.suffix == ".md" and path.stem.isupper():  # README, CHANGELOG; not a table of results
        return PurePosixPath("project", str(path).lower())
    if path.suffix in PICTURES_AND_DATA:
        return PurePosixPath("files", path)
    return PurePosixPath("source", f"{path}.md")


def target(page: PurePosixPath, link: str) -> PurePosixPath:
    """Return the file of the repository that a link of a page leads to.

    >>> print(target(PurePosixPath("docs/init.md"), "../actlas/api.py"))
    actlas/api.py
    """
    return PurePosixPath(os.path.normpath(page.parent / link))


def between(page: PurePosixPath, other: PurePosixPath) -> str:
    """Return the link from one place of the site to another.

    >>> between(PurePosixPath("decisions/0001.md"), PurePosixPath("init.md"))
    '../init.md'
    """
    return PurePosixPath(os.path.relpath(other, page.parent)).as_posix()
