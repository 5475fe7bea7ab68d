"""`actlas show`: a page for everything, with what its definition says."""

from __future__ import annotations

import json

import pytest

from actlas import cite, get
from actlas.nn.structured import units
from tests.conftest import over


@over()
def test_every_function_has_a_page(run, entry):
    page = run("show", entry.name).stdout
    assert entry.title in page
    assert "f(x" in page
    assert ("† reconstructed" in page) == (entry.status == "reconstructed")
    assert ("computed facts" in page) == (len(entry.inputs) == 1)
    assert all(name in page for name in entry.parameters)


@pytest.mark.parametrize("name", sorted(units()))
def test_every_unit_has_a_page(run, name):
    result = run("show", name)
    assert result.exit_code == 0
    assert units()[name].paper.short.split()[0] in result.stdout


def test_the_page_of_telu(run):
    page = run("show", "TanhExp").stdout
    assert "f(x) = x·tanh(eˣ)" in page
    assert "−0.353286 at x = −1.07886" in page
    assert "https://arxiv.org/abs/" in page
    assert "✓ holds" in page


def test_parameters_change_the_facts(run):
    assert "(−2, ∞)" in run("show", "elu", "-p", "alpha=2").stdout
    assert run("show", "elu(alpha=2)").stdout == run("show", "elu", "-p", "alpha=2").stdout


def test_a_refuted_claim_shows_the_reason(run, monkeypatch):
    from dataclasses import replace

    from actlas.catalogue import find
    from actlas.catalogue._paper import refuted, smooth
    from actlas.cli import _page

    entry = find("relu")
    claimed = replace(entry, claims=(refuted(smooth, "it has a corner at 0"),))
    table = _page._claims(replace(get("relu"), definition=claimed))
    told = [cell.plain if hasattr(cell, "plain") else cell for cell in table.columns[1].cells]
    assert told == ["✗ it has a corner at 0"]


def test_a_function_of_two_inputs(run):
    page = run("show", "and_ail").stdout
    assert "f(x, y)" in page
    assert "∂f/∂x" in page
    assert "actlas.nn.AndAIL()" in page


def test_only_the_citation(run):
    assert run("show", "mish", "--cite").stdout == cite("mish") + "\n"
    assert run("show", "maxout", "--cite").stdout.startswith("@")


@pytest.mark.parametrize("language", ["c", "javascript", "latex"])
def test_only_the_source(run, language):
    shown = run("show", "mish", "--source", language).stdout
    assert shown == get("mish").source(language) + "\n"


def test_json_has_the_facts(run):
    record = json.loads(run("show", "mish", "--json").stdout)
    assert record["facts"]["minimum"]["value"] == get("mish").facts.minimum.value
    assert record["facts"]["range"][1] == "inf"
    assert record["claims"]
    assert all(claim["holds"] for claim in record["claims"])


def test_json_of_a_unit(run):
    assert json.loads(run("show", "maxout", "--json").stdout)["class"] == "actlas.nn.Maxout"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gelo",), "'gelu'"),
        (("maxuot",), "'Maxout'"),
        (("elu", "-p", "alpah=1"), "'alpha'"),
        (("elu", "-p", "alpha=-1"), "alpha must be"),
        (("elu", "-p", "alpha=high"), "alpha must be a number"),
        (("elu", "-p", "alpha"), "name=value"),
        (("elu(alpha=",), "leaky_relu(negative_slope=0.2)"),
        (("maxout", "-p", "num_pieces=2"), "actlas.nn.Maxout"),
        (("mish", "--source", "javscript"), "'javascript'"),
        (("maxout", "--source", "c"), "no source"),
        (("mish", "--range", "3", "1"), "low below high"),
        (("mish", "--range", "0", "inf"), "low below high"),
    ],
)
def test_bad_input_is_one_sentence(refused, words, said):
    assert said in refused("show", *words)
