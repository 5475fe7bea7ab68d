"""`actlas models`: every network once, with counts; and `actlas compare --network`."""

from __future__ import annotations

import json

import pytest

from actlas.models import networks


def test_every_network_is_listed_once(run):
    shown = run("models").stdout
    firsts = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert sorted(word for word in firsts if word in networks()) == sorted(networks())
    assert f"{len(networks())} networks" in shown


def test_counts_are_those_of_the_papers(run):
    listed = {row["id"]: row for row in json.loads(run("models", "--json").stdout)["networks"]}
    assert listed.keys() == networks().keys()
    for name, row in listed.items():
        if "" in networks()[name].parameters:
            assert row["parameters"] == networks()[name].parameters[""], name
        assert row["parameters"] > 0
    assert listed["wide_resnet"]["options"]["depth"] == 16
    assert listed["wide_resnet"]["published_parameters"]["depth=28, width=10"] == 36_479_194
    assert listed["all_cnn"]["deviations"]


def test_a_search_narrows_the_list(run):
    shown = run("models", "--search", "zagoruyko").stdout
    assert "wide_resnet" in shown
    assert "2,748,890" in shown
    assert "1 network\n" in shown
    assert "0 networks" in run("models", "--search", "no such word").stdout


@pytest.mark.parametrize("width", [80, 160])
def test_no_line_is_wider_than_the_terminal(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = run("models").stdout
    assert max(map(len, shown.splitlines())) <= width
    assert ("3 x 32 x 32" in shown) == (width > 150)
    assert "features" in shown


def test_a_study_takes_a_network(run, tmp_path):
    pytest.importorskip("scipy")
    quick = ("--activations", "relu,gelu", "--seeds", "2", "--epochs", "1", "--budget", "1",
             "--workers", "1")  # fmt: skip
    result = run("compare", "--network", "mlp(hidden=(8,))", *quick, "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "mlp(hidden=(8,))" in result.stdout


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("wide_resnet", "takes images, and the task digits gives features"),
        ("wide_resnt", "Did you mean 'wide_resnet'"),
        ("mlp(hiden=(8,))", "Did you mean 'hidden'"),
        ("mlp(", "cannot read the network"),
        ("keras:vgg16", "timm:NAME"),
    ],
)
def test_what_does_not_fit_is_one_sentence(run, tmp_path, network, said):
    pytest.importorskip("scipy")
    result = run("compare", "--network", network, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.startswith("actlas: ")
    assert "\n" not in result.stderr.strip()
    assert not (tmp_path / "out").exists()
