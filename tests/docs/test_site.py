"""The site builds without a warning, every link of it leads somewhere, and it needs no network."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest

import actlas
from actlas.docs.site import assemble
from actlas.docs.site._links import place, relinked, uncovered
from actlas.docs.site._reference import public_modules
from actlas.nn.structured import units
from tests.conftest import ENTRIES

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


def build(source: Path, html: Path) -> subprocess.CompletedProcess[str]:
    """Run Sphinx as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "--quiet", "-c",
               str(ROOT / "docs"), str(source), str(html)]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


# One function of each family: the cards of the others have the same form, and tests of their own.
SHOWN = tuple({entry.family: entry.name for entry in ENTRIES}.values())


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "source"
    assert assemble(ROOT, folder, SHOWN) == len(
        [path for path in folder.rglob("*") if path.is_file()]
    )
    return folder


@pytest.fixture(scope="session")
def built(sources: Path) -> subprocess.CompletedProcess[str]:
    return build(sources, sources.parent / "html")


@pytest.fixture(scope="session")
def site(sources: Path, built: subprocess.CompletedProcess[str]) -> Path:
    return sources.parent / "html"


def test_it_builds_without_a_warning(built: subprocess.CompletedProcess[str]) -> None:
    """A page that no toctree lists is a warning too: docs/how-to.md and others have one."""
    assert built.returncode == 0, built.stdout + built.stderr


@dataclass
class Page(HTMLParser):
    """What a page of HTML leads to, loads and can be led to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("index", "search", "next", "prev"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[PurePosixPath, Page]:
    found = {}
    for path in site.rglob("*.html"):
        if "_static" in path.parts:  # a template of the theme
            continue
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found[PurePosixPath(path.relative_to(site).as_posix())] = page
    return found


def broken(pages: dict[PurePosixPath, Page], site: Path) -> list[str]:
    """Return the links inside the site that lead nowhere."""
    found = []
    for at, page in pages.items():
        for link in page.links:
            if re.match(r"\w+:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            other = Path(site, at).parent / path if path else Path(site, at)
            other = other.resolve()
            if not other.is_file():
                found.append(f"{at}: {link}")
            elif anchor and other.suffix == ".html":
                reached = pages[PurePosixPath(other.relative_to(site.resolve()).as_posix())]
                found += [] if anchor in reached.anchors else [f"{at}: {link}"]
    return found


def test_every_link_and_anchor_leads_somewhere(
    pages: dict[PurePosixPath, Page], site: Path
) -> None:
    assert len(pages) > len(SHOWN) + len(units()) + len(public_modules()) + 40
    assert broken(pages, site) == []


def outside(pages: dict[PurePosixPath, Page], site: Path) -> list[str]:
    """Return what is loaded from elsewhere, by a page or by a style sheet."""
    loaded = [f"{at}: {link}" for at, page in pages.items() for link in page.loads
              if re.match(r"(https?:)?//", link)]  # fmt: skip
    for style in site.rglob("*.css"):
        urls = re.findall(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)", style.read_text())
        loaded += [f"{style.name}: {url}" for url in urls]
    return loaded


def test_nothing_comes_from_elsewhere(pages: dict[PurePosixPath, Page], site: Path) -> None:
    assert sum(len(page.loads) for page in pages.values()) > len(pages)
    assert outside(pages, site) == []


def test_what_a_page_loads_is_there(pages: dict[PurePosixPath, Page], site: Path) -> None:
    for at, page in pages.items():
        for link in page.loads:
            path = unquote(link).partition("?")[0]
            assert path.startswith("data:") or Path(site, at.parent, path).is_file(), (
                f"{at}: {link}"
            )


def test_the_first_page_has_the_tour_and_leads_everywhere(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "exact derivative" in text
    assert text.count('<path class="front') == 8
    for page in ("tutorials", "how-to", "functions/index", "api/index", "background", "project"):
        assert f'href="{page}.html"' in text


def test_formulas_are_set_and_curves_are_drawn(site: Path) -> None:
    for name in SHOWN:
        text = (site / "functions" / f"{name}.html").read_text(encoding="utf-8")
        single = len(actlas.get(name).definition.inputs) == 1
        assert "<math" in text
        assert ('class="curve large"' in text) is single
        assert "$$" not in text


def test_a_card_says_its_place(site: Path) -> None:
    """Home, Functions, family, name; where these lead to is tested with all links."""
    cards = {f"{name}.html": actlas.get(name).family.replace("_", " ") for name in SHOWN}
    cards |= {f"units/{unit}.html": "structured units" for unit in units()}
    for card, family in cards.items():
        text = (site / "functions" / card).read_text(encoding="utf-8")
        trail = text.partition('<ul class="bd-breadcrumbs">')[2].partition("</ul>")[0]
        found = re.findall(r'class="nav-link">([^<]+)</a>|"ellipsis">([^<]+)<', trail)
        title = re.findall(r"<h1>(.*?)<a", text)[0]
        assert ["".join(pair) for pair in found] == ["Functions", family, title], card
        assert 'aria-label="Home"' in trail


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    for name, module in public_modules().items():
        text = (site / "api" / f"{name}.html").read_text(encoding="utf-8")
        for key in getattr(module, "__all__", ()):
            known = f'id="{name}.{key}"' in text or f">{key}<" in text
            assert known or isinstance(getattr(module, key), type(module)), f"{name}.{key}"


# ---------------------------------------------------------------- the parts, and planted faults


def test_links_are_changed_outside_code_alone() -> None:
    page = "[a](../a.py#l) [b](https://b.org)\n\n```python\nx[0](y)\n```\n[c](#d) [e](f.md)"
    changed = relinked(page, lambda link: f"<{link}>")
    assert changed == page.replace("../a.py", "<../a.py>").replace("f.md", "<f.md>")


def test_files_keep_apart_on_the_site() -> None:
    names = ["docs/init.md", "actlas/init/README.md", "actlas/init/report.py", "README.md"]
    assert len({place(PurePosixPath(name)) for name in names}) == len(names)


def test_comments_that_are_no_directive_stay() -> None:
    assert uncovered("<!-- nothing -->\n") == "<!-- nothing -->\n"


def test_old_sources_are_deleted(sources: Path) -> None:
    old = sources / "functions" / "old.md"
    old.write_text("# Old")
    assemble(ROOT, sources, SHOWN)
    assert not old.exists()


def test_a_folder_without_docs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(actlas.ActlasError, match="is not the repository of actlas"):
        assemble(tmp_path, tmp_path / "site")


def test_a_link_that_leads_nowhere_is_seen(site: Path) -> None:
    page = Page()
    page.feed('<a href="no.html">x</a><a href="index.html#no">y</a><script src="//cdn.org/a.js">')
    at = PurePosixPath("planted.html")
    index = Page()
    planted = {at: page, PurePosixPath("index.html"): index}
    assert broken(planted, site) == ["planted.html: no.html", "planted.html: index.html#no"]
    assert outside(planted, site) == ["planted.html: //cdn.org/a.js"]


def test_a_page_with_a_fault_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "index.md").write_text("# A\n\n[b](no_such_page.md)\n")
    done = build(tmp_path / "source", tmp_path / "html")
    assert done.returncode != 0
    assert "no_such_page" in done.stderr
