"""The rules of WCAG 2.2 AA that axe-core can check, on every face of the page."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.explorer.conftest import Open

pytestmark = pytest.mark.xdist_group("explorer")
KEPT = Path(__file__).parents[2] / "build" / "axe"
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
_BROKEN = (
    "async () => (await axe.run(document, " + RULES + ")).violations"
    ".map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target).slice(0, 3)}`)"
)


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe-core from the npm registry, kept under build/; skip where it cannot be had."""
    KEPT.mkdir(parents=True, exist_ok=True)
    if not list(KEPT.glob("*.tgz")):
        words = ["npm", "pack", "axe-core@4.14.1", "--silent"]
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:  # another process may fetch it too
            try:
                subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)
            except (OSError, subprocess.SubprocessError):
                pytest.skip("axe-core cannot be had from the npm registry here")
            for packed in Path(folder).glob("*.tgz"):
                packed.replace(KEPT / packed.name)
    with tarfile.open(next(KEPT.glob("*.tgz"))) as packed:
        source = packed.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def broken(page: Any, axe: str) -> list[str]:
    """Return the rules that a page breaks, with the first places."""
    page.evaluate(axe)
    found: list[str] = page.evaluate(_BROKEN)
    return found


FACES = {
    "atlas": ("", {}),
    "curves in the dark": ("f=telu&f=elu&f=gelu&d=01", {"color_scheme": "dark"}),
    "gaussian, narrow": ("f=snake&view=gaussian", {"viewport": {"width": 390, "height": 844}}),
    "typed, with messages": ("f=%3Dx*tanh(a*x)&f=rulu", {}),
}


@pytest.mark.parametrize("face", FACES)
def test_no_rule_is_broken(visit: Open, axe: str, face: str) -> None:
    hash, options = FACES[face]
    assert broken(visit(hash, **options), axe) == []


def test_a_broken_rule_is_seen(visit: Open, axe: str) -> None:
    page = visit("f=relu")
    page.evaluate("document.getElementById('search').removeAttribute('aria-label')")
    page.evaluate("document.getElementById('search').removeAttribute('placeholder')")
    assert any(rule.startswith("label") for rule in broken(page, axe))
