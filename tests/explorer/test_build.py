"""The command and the page as a file: nothing outside is named, nothing half-written is left."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import threading
import urllib.request
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import actlas
from actlas import explorer
from actlas.cli import app
from actlas.errors import ActlasError
from actlas.explorer import _cache, _page, address, costs, listen, page, serve
from actlas.explorer.studies import appearances

FOLDER = Path(_page.__file__).parent
MODULES = sorted((FOLDER / "static").glob("*.js"))


@pytest.fixture(scope="module")
def text() -> str:
    return page(["relu", "gelu"])


def test_the_browser_runs_only_what_carries_a_hash(text: str) -> None:
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert len(policy) == 1
    assert "default-src 'none'" in policy[0]
    assert "unsafe" not in policy[0]
    parts = re.findall(r"<(script|style)[^>]*>(.*?)</\1>", text, re.DOTALL)
    assert [kind for kind, _ in parts] == ["style", "script", "script"]
    for _, inside in parts:
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[0]


def test_nothing_is_fetched(text: str) -> None:
    """Addresses stand only in links of papers, in namespaces and in the notice of uPlot."""
    data = text.index("export const DATA") if "export const DATA" in text else text.index("DATA = ")
    before = re.findall(r"https?://[^\s\"'`)]+", text[:data])
    assert {url.split("/")[2] for url in before} <= {"www.w3.org", "github.com"}
    assert not re.search(r"<(link|script|img|iframe)[^>]+(src|href)=\"(?!data:)", text)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|\bimport\(|sendBeacon|WebSocket", text)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_text_becomes_code_or_markup(module: Path) -> None:
    code = module.read_text(encoding="utf-8")
    assert not re.search(r"\beval\b|new Function|(inner|outer)HTML|document\.write", code)
    assert code.startswith("// "), "a module says first what it is for"
    assert len(code.splitlines()) <= 400


def test_no_two_modules_give_one_name() -> None:
    """They share a scope in the page."""
    names = [
        name for module in MODULES
        for name in re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)",
                               module.read_text(encoding="utf-8"), re.MULTILINE)
    ]  # fmt: skip
    assert sorted(names) == sorted(set(names))


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(ActlasError, match="no activation called 'rulu'"):
        page(["rulu"])


def test_without_the_extra_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    with pytest.raises(ActlasError, match=r'pip install "actlas\[explore\]"'):
        page(["relu"])


def refused(*words: str) -> str:
    result = CliRunner().invoke(app, ["explore", *words])
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


def test_a_busy_port_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_page, "page", lambda **_: pytest.fail("the page was made for nothing"))
    with listen(FOLDER) as server:
        said = refused("--no-open", "--port", str(server.server_address[1]))
    assert re.search(r"port \d+ cannot be used: .*; leave --port out for a free one", said)
    assert "ports go from 0 to 65535" in refused("--no-open", "--port", "70000")


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_page, "page", lambda **_: pytest.fail("the page was made for nothing"))
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        refusing = SimpleNamespace(access=lambda path, mode: False, W_OK=os.W_OK)
        monkeypatch.setattr(_page, "os", refusing)  # root may write everywhere
    assert f"cannot write the explorer into {place}" in refused("--build", str(place))
    assert place.read_text() == "mine" if kind == "file" else not list(place.iterdir())


def test_a_failed_build_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / _page.NAME).write_text("old")

    def fails(**_: Any) -> str:
        raise ActlasError("no")

    monkeypatch.setattr(_page, "page", fails)
    assert "no" in refused("--build", str(tmp_path))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(_page.NAME, "old")]


@pytest.mark.parametrize("fault", ["page", "replace"])
def test_a_failed_build_leaves_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Neither half a page nor a folder, whether the page fails or its place is taken."""

    def makes(**_: Any) -> str:
        if fault == "page":
            raise ActlasError("no")
        (tmp_path / "a" / "b" / _page.NAME).mkdir()
        return "new"

    monkeypatch.setattr(_page, "page", makes)
    refused("--build", str(tmp_path / "a" / "b"))
    left = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))]
    assert left == ([] if fault == "page" else ["a", "a/b", f"a/b/{_page.NAME}"])


def test_build_writes_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(_page, "page", lambda **_: text)
    result = CliRunner().invoke(app, ["explore", "--build", str(tmp_path / "a" / "b")])
    assert result.exit_code == 0
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["index.html"]
    assert "index.html" in result.stdout


def test_explore_serves_and_opens_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    (tmp_path / _page.NAME).write_text("<!doctype html>small")
    with listen(tmp_path) as server:
        serving = threading.Thread(target=serve, args=(server,))
        serving.start()
        with urllib.request.urlopen(address(server), timeout=20) as answer:
            assert answer.read() == b"<!doctype html>small"
        server.shutdown()
        serving.join()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address(server))
    assert opened == [address(server)]
    assert address(server) in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--no-open"]], ids=["open", "no-open"])
def test_the_command_makes_the_page_and_serves_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[str, bool]] = []

    def note(server: Any, browse: bool) -> None:
        folder = server.RequestHandlerClass.keywords["directory"]
        served.append(((Path(folder) / _page.NAME).read_text(), browse))

    monkeypatch.setattr(_page, "page", lambda **_: "made")
    monkeypatch.setattr(explorer, "serve", note)
    assert CliRunner().invoke(app, ["explore", *words]).exit_code == 0
    assert served == [("made", not words)]


# ------------------------------------------------------------------ the cache


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pages be kept in a folder of this test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(_cache.VARIABLE, str(folder))
    return folder


def counted(made: list[str]) -> str:
    made.append("made")
    return f"page {len(made)}"


def test_a_page_is_made_once(cached: Path) -> None:
    made: list[str] = []
    texts = [_cache.kept(lambda: counted(made), ["a"]) for _ in range(3)]
    assert (texts, len(made)) == (["page 1"] * 3, 1)
    assert _cache.kept(lambda: counted(made), ["b"]) == "page 2"
    assert [path.read_text() for path in cached.iterdir()] == ["page 2"]  # the old one is gone


def test_a_changed_source_makes_a_new_page(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    _cache.kept(lambda: counted(made), [])
    right = _cache._sources
    changed = {"catalogue/rectifiers.py": b"x = 1"}
    monkeypatch.setattr(
        _cache, "_sources", lambda *at: ((n, changed.get(n, t)) for n, t in right(*at))
    )
    assert _cache.kept(lambda: counted(made), []) == "page 2"


def test_functions_of_the_user_are_never_kept(cached: Path) -> None:
    made: list[str] = []
    actlas.define("of_the_user", "x * 2")
    try:
        texts = [_cache.kept(lambda: counted(made), []) for _ in range(2)]
    finally:
        actlas.forget("of_the_user")
    assert texts == ["page 1", "page 2"]


def test_a_cache_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv(_cache.VARIABLE, str(tmp_path / "file" / "cache"))
    assert _cache.kept(lambda: "made", []) == "made"
    monkeypatch.setenv(_cache.VARIABLE, "")
    assert _cache.cache_folder() is None
    assert _cache.kept(lambda: "made", []) == "made"
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("system", "variable", "below"),
    [("linux", "XDG_CACHE_HOME", "actlas"), ("win32", "LOCALAPPDATA", "actlas")],
)
def test_where_pages_are_kept(
    system: str, variable: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(_cache.VARIABLE, raising=False)
    monkeypatch.setattr(_cache.sys, "platform", system)
    monkeypatch.setenv(variable, str(tmp_path))
    assert _cache.cache_folder() == tmp_path / below


# ------------------------------------------------------------------ costs and studies


def test_the_costs_that_ship_are_the_measured_ones() -> None:
    """Whoever measures again also writes the small file: python -m actlas.explorer costs."""
    measured = Path(__file__).parents[2] / "benchmarks" / "results"
    assert costs.shipped() == costs.read(measured), "run: python -m actlas.explorer costs"
    place = Path(costs.__file__).with_name(costs.NAME)
    assert place.read_text(encoding="utf-8") == costs.text(costs.shipped())
    assert place.stat().st_size < 40_000
    assert len(set(costs.shipped()["functions"]) & set(actlas.names())) >= 100


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engine-x.json").write_text("[]")
    for place in (tmp_path, tmp_path / "engine-x.json", tmp_path / "nothing.json"):
        with pytest.raises(ActlasError, match="holds no result of a benchmark"):
            costs.read(place)


CLAIM = 'title = "Mish is ahead of ReLU"\nfunction = "mish"\n'
FINDING = {"against": "relu", "verdict": "REPRODUCED", "lead": 0.5, "low": 0.1, "high": 0.9,
           "unit": "%", "reason": "", "published": 0.8}  # fmt: skip


@pytest.fixture
def studied(tmp_path: Path) -> Path:
    """Return a folder of verdicts as `studies/results` has them."""
    folder = tmp_path / "studies" / "results"
    (folder / "mish_over_relu").mkdir(parents=True)
    (folder.parent / "mish_over_relu.toml").write_text(CLAIM)
    verdict = {"fair": [FINDING, {**FINDING, "against": "a recipe"}]}
    (folder / "mish_over_relu" / "verdict.json").write_text(json.dumps(verdict))
    return folder


def test_studies_are_found_by_function(studied: Path) -> None:
    found = appearances(studied)
    assert set(found) == {"mish", "relu"}
    assert [entry["against"] for entry in found["mish"]] == ["relu", "a recipe"]
    assert appearances(None) == appearances(studied / "nowhere") == {}
    (studied / "mish_over_relu" / "verdict.json").write_text("{}}")
    with pytest.raises(ActlasError, match="is not the verdict of a study"):
        appearances(studied)
