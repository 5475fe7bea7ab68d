"""`actlas plot`: files that are figures, panels that hold the right numbers."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from actlas import get
from actlas.plotting import draw, label, quotient, saturation, values

pytest.importorskip("matplotlib")

TELU_GROUP = [get(name) for name in ("telu", "gelu", "silu", "relu")]


def by_label(panel):
    return {trace.label: trace for trace in panel.traces}


def near(trace, x):
    return float(trace.y[np.argmin(np.abs(trace.x - x))])


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_every_format(run, tmp_path, suffix, start):
    path = tmp_path / f"figure.{suffix}"
    result = run("plot", "telu", "elu(alpha=0.5)", "-d", "-o", str(path))
    assert result.exit_code == 0
    assert "ELU(alpha=0.5)" in result.stdout
    assert path.read_bytes().startswith(start)


def test_the_default_name_says_what_it_is(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("plot", "telu", "relu", "--saturation", "--quotient", "--derivative")
    assert [path.name for path in tmp_path.iterdir()] == [
        "telu-relu-derivative-saturation-quotient.png"
    ]


def test_nothing_is_overwritten_unasked(refused, run, tmp_path):
    path = tmp_path / "kept.png"
    path.write_text("mine")
    assert "--force" in refused("plot", "relu", "-o", str(path))
    assert path.read_text() == "mine"
    assert run("plot", "relu", "-o", str(path), "--force").exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("relu", "-o", "missing/figure.png"), "no folder missing"),
        (("relu", "-o", "figure.gif"), ".png, .svg, .pdf"),
        (("maxout",), "no curve"),
        (("and_ail",), "function of x and y"),
        (("relo",), "'relu'"),
        (("relu", "--quotient", "--against", "tellu"), "'telu'"),
        (("relu", "--saturation"), "nothing to draw"),
        (("telu", "--quotient", "--against", "relu"), "cannot divide"),
        (("relu", "--range", "1", "-1"), "low below high"),
    ],
)
def test_bad_input_is_one_sentence(refused, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused("plot", *words)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_way_out_is_named(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert 'pip install "actlas[plot]"' in refused("plot", "relu")


def test_curves_and_derivatives_are_the_functions_own():
    for order in (0, 1, 2):
        trace = by_label(values(TELU_GROUP, order))["TeLU"]
        wanted = get("telu").derivative(order)(trace.x)
        np.testing.assert_array_equal(trace.y, wanted)


def test_a_jump_is_a_gap_and_not_a_stroke():
    trace = by_label(values([get("relu")], 1))["ReLU"]
    assert np.isnan(trace.y[trace.x == 0.0]).all()
    assert set(trace.y[~np.isnan(trace.y)]) == {0.0, 1.0}


def test_saturation_of_the_telu_paper():
    """|f'| at -2 and -5 to the digits of 50-digit arithmetic; ReLU is 0 and cannot be drawn."""
    panel = saturation(TELU_GROUP)
    traces = by_label(panel)
    assert near(traces["TeLU"], -2.0) == pytest.approx(0.1313, abs=5e-5)
    assert near(traces["GELU"], -5.0) == pytest.approx(7.1e-6, rel=0.01)
    assert "ReLU" not in traces
    assert "ReLU" in panel.note


def test_quotient_of_the_telu_paper():
    """SiLU'/TeLU' tends to 1, GELU'/TeLU' to 0; at -2 they are 0.691 and 0.649."""
    panel = quotient(TELU_GROUP, get("telu"))
    traces = by_label(panel)
    assert near(traces["SiLU"], -10.0) == pytest.approx(1.0, abs=1e-3)
    assert near(traces["SiLU"], -2.0) == pytest.approx(0.09078 / 0.1313, rel=1e-3)
    assert near(traces["GELU"], -2.0) == pytest.approx(0.08523 / 0.1313, rel=1e-3)
    assert near(traces["GELU"], -10.0) == pytest.approx(0.0, abs=1e-15)
    assert panel.marks == (pytest.approx(-1.078860058465),)
    assert set(traces["TeLU"].y) == {1.0}


def test_names_stay_inside_and_apart():
    panel = values(TELU_GROUP, 1)
    figure = draw([panel])
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == len(TELU_GROUP)
    frame = axes.get_window_extent()
    for index, box in enumerate(boxes):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_a_reconstructed_function_is_marked_with_the_meaning_below():
    figure = draw([values([get("nish")])])
    assert [text.get_text() for text in figure.axes[0].texts] == ["Nish †"]
    assert "reconstructed" in figure.get_supxlabel()
    assert draw([values([get("relu")])]).get_supxlabel() == ""


def test_a_name_stands_at_its_curve_and_not_in_a_gap():
    """GELU'/Nish' has a pole at -1.08; its name must not stand where no curve is drawn."""
    panel = quotient([get("gelu")], get("nish"))
    axes = draw([panel]).axes[0]
    name = next(text for text in axes.texts if text.get_text() == "GELU")
    trace = by_label(panel)["GELU"]
    points = axes.transData.transform(np.column_stack([trace.x, trace.y]))
    box = name.get_window_extent()
    middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    reach = np.hypot(box.width, box.height) / 2 + 32
    assert np.nanmin(np.hypot(*(points - middle).T)) < reach


def test_labels_name_changed_parameters_only():
    assert label(get("leaky_relu")) == "LeakyReLU"
    assert label(get("nish")) == "Nish †"
    assert label(get("leaky_relu", negative_slope=0.2)) == "LeakyReLU(negative_slope=0.2)"
