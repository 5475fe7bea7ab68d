"""`actlas list`: complete, searchable, and the same for machines."""

from __future__ import annotations

import json

import pytest

from actlas import get, names
from actlas.nn.structured import units


def rows(output: str) -> list[str]:
    """Return the first word of every line that names a function or unit."""
    known = {*names(), *units()}
    firsts = [line.split()[0] for line in output.splitlines() if line.strip()]
    return [word for word in firsts if word in known]


def test_every_function_and_unit_is_listed_once(run):
    listed = rows(run("list").stdout)
    assert sorted(listed) == sorted([*names(), *units()])


def test_the_count_at_the_end(run):
    assert f"{len(names())} functions and {len(units())} structured units" in run("list").stdout


def test_reconstructed_functions_are_marked(run):
    marked = {line.split()[0] for line in run("list").stdout.splitlines() if " † " in line}
    assert marked & set(names()) == set(names("reconstructed"))


def test_a_tag_narrows_the_list(run):
    assert sorted(rows(run("list", "--tag", "rectifiers").stdout)) == sorted(names("rectifiers"))


def test_a_search_finds_words_in_aliases_and_papers(run):
    assert "telu" in rows(run("list", "--search", "TanhExp").stdout)
    assert "mish" in rows(run("list", "--search", "1908.08681").stdout)
    assert "0 functions" in run("list", "--search", "no such word").stdout


def test_units_alone(run):
    assert sorted(set(rows(run("list", "--units").stdout))) == sorted(units())


@pytest.mark.parametrize(
    ("column", "key"),
    [("name", lambda f: f.name), ("year", lambda f: f.paper.year),
     ("parameters", lambda f: len(f.parameters)), ("family", lambda f: f.family)],
)  # fmt: skip
def test_sorting(run, column, key):
    listed = json.loads(run("list", "--sort", column, "--json").stdout)["functions"]
    values = [key(get(row["id"])) for row in listed]
    assert len(values) == len(names())
    assert values == sorted(values)


def test_sorting_by_gain_puts_functions_without_one_last(run):
    listed = json.loads(run("list", "--sort", "gain", "--json").stdout)["functions"]
    gains = [row["gain"] for row in listed]
    known = [gain for gain in gains if gain is not None]
    assert known == sorted(known)
    assert gains[len(known) :] == [None] * (len(gains) - len(known))


def test_json_tells_what_the_table_tells(run):
    relu = json.loads(run("list", "--search", "relu", "--json").stdout)["functions"]
    by_id = {row["id"]: row for row in relu}
    assert by_id["relu"]["gain"] == pytest.approx(2**0.5)
    assert by_id["leaky_relu"]["parameters"]["negative_slope"]["default"] == 0.01


def test_a_wide_terminal_shows_family_and_title(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    wide = run("list", "--tag", "rectifiers").stdout
    assert "LeakyReLU" in wide
    assert "verified" in wide


def test_no_line_is_wider_than_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, run("list").stdout.splitlines())) <= 80


def test_unknown_tag(refused):
    assert "'rectifiers'" in refused("list", "--tag", "rectifier")


def test_unknown_column(run):
    result = run("list", "--sort", "colour")
    assert result.exit_code == 2
    assert "gain" in result.stderr
