"""What is kept of a run: JSON that can be read again, tables, a picture, and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from actlas.bench import keep, page, plot
from actlas.bench.cells import BOTH, FORWARD, INTO, Cell
from actlas.bench.goals import goals
from actlas.bench.page import NAME
from actlas.bench.record import Record, read, records, write
from actlas.bench.tables import groups, ratios
from actlas.errors import ActlasError
from tests.bench.records import ABOUT, record, row

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def made() -> Record:
    large = [row(Cell(name, mode, 16_000_000), copy=0.8) for name in ("mish", "relu")
             for mode in (INTO, FORWARD)]  # fmt: skip
    return record(
        row(Cell("mish"), torch=9.0, eager=12.0), row(Cell("relu"), torch=0.5, jax=1.5),
        row(Cell("mish", BOTH), torch=7.0), *large,
        absent={"compile": "no compiler | here"}, left_out=7,
        failed=[["torch", "sinc", "another"], ["torch", "erf", "another"],
                ["jax", "mish", "forward", "bf16", "TypeError: no"]],
    )  # fmt: skip


def test_a_record_can_be_read_again(made: Record, tmp_path: Path) -> None:
    write(made, tmp_path / "deep" / "engine-x.json")
    assert read(tmp_path / "deep" / "engine-x.json") == made
    lines = (tmp_path / "deep" / "engine-x.json").read_text().splitlines()
    assert sum('"ratio"' in line for line in lines) == len(made.rows)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{}]}', '{"rows": 1}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "engine-x.json"
    path.write_text(text)
    with pytest.raises(ActlasError, match="not the result of a benchmark"):
        read(path)
    with pytest.raises(ActlasError, match="cannot read"):
        read(tmp_path / "nothing.json")


def test_the_last_measured_comes_first(made: Record, tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match="actlas bench"):
        records(tmp_path)
    for name, year in (("a", 2028), ("b", 2027)):
        about = {**made.about, "measured": f"{year}-01-01T00:00:00+00:00"}
        write(Record(about, made.rows), tmp_path / f"engine-{name}.json")
    assert [path.name for path in records(tmp_path)] == ["engine-a.json", "engine-b.json"]


def test_ratios_come_first_and_gaps_are_dashes(made: Record) -> None:
    table = ratios(made, Cell(""))
    assert table.headings == ("function", "torch", "eager", "jax", "ns", "GB/s", "of copy")
    assert table.rows[1] == ("relu", "0.5 (0.45–0.55)", "–", "1.5 (1.35–1.65)", "2", "4", "50%")
    assert table.markdown().splitlines()[1] == "|---|" + "---:|" * 6
    assert groups(made)[0] == Cell("")


def test_of_two_rows_of_a_cell_the_one_with_more_peers_is_shown() -> None:
    one, more = row(Cell("mish"), torch=1.0), row(Cell("mish"), torch=2.0, jax=3.0)
    for pair in ((one, more), (more, one)):
        (shown,) = ratios(record(*pair), Cell(""), spreads=False).rows
        assert shown[1:3] == ("2", "3")


def test_the_picture_has_a_dot_for_every_ratio(made: Record) -> None:
    pytest.importorskip("matplotlib")
    forward, both = plot.draw(made).axes
    assert [len(dots.get_offsets()) for dots in forward.collections] == [1, 1, 2]
    assert [text.get_text() for text in forward.get_yticklabels()] == ["jax", "eager", "torch"]
    assert [len(dots.get_offsets()) for dots in both.collections] == [1]
    assert plot.draw(record()).axes


def test_everything_is_kept(made: Record, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    data, tables, picture = keep(made, tmp_path)
    assert data.name == "engine-test-9000-generic.json"
    assert "## Float32, 16,000,000 numbers, into a ready buffer" in tables.read_text("utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------- the page


def test_the_page_tells_what_was_reached_missed_and_left_out(made: Record, tmp_path: Path) -> None:
    write(made, tmp_path / "engine-x.json")
    text = page.page(tmp_path)
    assert "| F.mish | forward | 1,000,000 | ≥ 8 | 9 (8.1–9.9) | 1 of 1 | reached |" in text
    assert "| F.relu | forward | 1,000,000 | ≥ 0.9 | 0.5 (0.45–0.55) | 0 of 1 | missed |" in text
    assert "- F.relu, forward, 1,000,000 (≥ 0.9): relu 0.5." in text
    assert "| mish | 1.25 (1.14–1.39) | 1.25 (1.14–1.39) | – | – |" in text
    assert "- torch on sinc, erf: another" in text
    assert "- jax on mish (forward bf16): TypeError: no" in text
    assert "no compiler \\| here" in text
    assert "7 cells" in text


def test_a_note_stands_beside_what_it_explains(
    made: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained = tuple(replace(goal, note="Because.") for goal in goals())
    monkeypatch.setattr("actlas.bench.goals.goals", lambda: explained)
    write(made, tmp_path / "engine-x.json")
    text = page.page(tmp_path)
    assert "relu 0.5. Because." in text
    assert text.count("Because.") == text.count("\n- F.") + text.count("\n- JAX")


def test_allocators_stand_on_the_page(made: Record, tmp_path: Path) -> None:
    write(made, tmp_path / "engine-x.json")
    assert "Where new memory comes from" not in page.page(tmp_path)
    rows = [{"setting": name, "size": 1000, "call": call, "ns": [1, number, 3]}
            for name, number in (("nothing set", 2), ("A=1", 1.5))
            for call in ("copy, ready", "copy, new")]  # fmt: skip
    (tmp_path / "allocators-x.json").write_text(json.dumps({**ABOUT, "rows": rows}))
    assert "| `A=1` | 1,000 | 1.5 (1–3) | 1.5 (1–3) |" in page.page(tmp_path)


def test_training_steps_stand_on_the_page(made: Record, tmp_path: Path) -> None:
    """Of several results the one that was measured last; what has no peer has a dash."""
    write(made, tmp_path / "engine-x.json")
    assert "Training steps" not in page.page(tmp_path)
    about = {**ABOUT, "engine": {"isa": "avx2"}}
    for name, day, median in (("steps-b", "2026-01-01", 2), ("steps-a", "2026-01-02", 3)):
        sides = {"actlas": [0.001] * 3, "eager": [0.001] * 3}
        row = {"network": "an MLP", "function": "telu", "seconds": sides,
               "ratio": {"actlas": [1] * 3, "eager": [1, median, 4]}}  # fmt: skip
        text = json.dumps({**about, "measured": day, "rows": [row]})
        (tmp_path / f"{name}.json").write_text(text)
    assert "| an MLP | telu | – | 3 (1–4) | 1 |" in page.page(tmp_path)


def test_the_kept_page_is_that_of_the_kept_results() -> None:
    """If this fails, run: python -m actlas.bench docs."""
    kept = (ROOT / "docs" / NAME).read_text(encoding="utf-8")
    assert kept == page.page(RESULTS), "docs/performance.md is stale"


def test_a_stale_page_is_seen(tmp_path: Path) -> None:
    kept = read(records(RESULTS)[0])
    write(Record(kept.about, kept.rows[1:]), tmp_path / records(RESULTS)[0].name)
    assert page.page(tmp_path) != page.page(RESULTS).replace("results", tmp_path.name)
