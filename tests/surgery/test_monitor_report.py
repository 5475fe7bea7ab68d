"""What people and loggers get to see, and the sentences for what cannot be done."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.surgery.monitor.report import Report

PNG, PDF = b"\x89PNG", b"%PDF"


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """A network with dead channels, a learned shape, a softmax, and a unit without a slope."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8),
            actlas.nn.create("swish", num_parameters=8),
            actlas.nn.create("maxout", num_pieces=2), nn.Softmax(-1),
        )  # fmt: skip
        nn.init.constant_(model[0].bias[:2], -1e3)
        optimizer = torch.optim.SGD(model.parameters(), 1.0)
        x, y = torch.randn(64, 6), torch.randn(64, 4)
        with actlas.monitor(model, every=2) as watch:
            for _ in range(10):
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()
        yield watch.report()


def test_values_are_for_loggers(report: Report) -> None:
    values = report.values()
    assert values["1/dead"] == 0.25
    assert 0.9 < values["3/beta"] < 1.1
    assert values["1/saturated"] + values["1/linear"] == pytest.approx(1)
    assert "4/saturated" not in values, "what is not known is not logged"
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_the_table_shows_every_site(report: Report) -> None:
    text = str(report)
    lines = text.splitlines()
    assert lines[0].startswith("3 activation sites after 10 steps, 5 of them observed")
    relu = next(line for line in lines if "ReLU" in line)
    assert "25 %" in relu
    assert "█" in relu
    assert "…" in next(line for line in lines if "Swish" in line), "the span of beta"
    assert "4: it is not element-wise" in text
    assert "left out: 5, it is not element-wise" in text
    assert "-" not in relu.replace("−", ""), "a minus sign is a minus sign"
    assert report._repr_mimebundle_()["text/plain"] == text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_any_terminal(report: Report, width: int) -> None:
    page = Console(file=io.StringIO(), width=width, force_terminal=True, legacy_windows=False)
    page.print(report)
    shown = page.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[" in shown
    assert all(len(line) <= width for line in Console(width=width).render_str(shown).plain.split())


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_figure_is_written(report: Report, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"figure.{ending}"
    report.plot(str(path))
    written = path.read_bytes()
    assert len(written) > 8000
    assert written.startswith({"png": PNG, "svg": b"<?xml", "pdf": PDF}[ending])
    if ending == "svg":
        report.plot(path)
        assert path.read_bytes() == written, "the same report gives the same bytes"


def test_the_figure_shows_what_there_is(report: Report) -> None:
    panels = report.plot().axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == ["Where on its curve each site works",
                      "Gradient of the loss, root mean square",
                      "Dead channels", "Learned shape parameters"]  # fmt: skip
    bars = panels[0]
    names = [label.get_text() for label in bars.get_yticklabels()]
    assert names == ["1  ReLU", "3  Swish", "4  Maxout"]
    assert bars.yaxis_inverted(), "the first site stands on top"


def test_many_sites_and_no_gradient_can_be_drawn(tmp_path: Path) -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.GELU())
                                        for _ in range(40)])  # fmt: skip

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)  # type: ignore[no-any-return]

    model = Deep()
    with actlas.monitor(model, every=1) as watch, torch.no_grad():
        model(torch.ones(3, 4))
    figure = watch.plot(tmp_path / "deep.png")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[2:] == ["Saturated elements", "Standard deviation of the outputs"]
    assert len(figure.axes[0].get_yticklabels()) <= 30
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["no backward pass was seen"]


def test_a_log_function_is_called_after_every_observation() -> None:
    model, seen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), []
    with actlas.monitor(model, every=2, log=lambda step, values: seen.append((step, values))):
        for _ in range(5):
            model(torch.ones(2, 3)).sum().backward()
    assert [step for step, _ in seen] == [0, 2, 4]
    assert all(set(values) >= {"1/dead", "1/gradient"} for _, values in seen)


def test_a_long_run_is_kept_in_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long history every second observation goes; the window stays whole."""
    monkeypatch.setattr("actlas.surgery.monitor.record._LONGEST", 20)
    model = nn.Sequential(nn.ReLU())
    with actlas.monitor(model, every=1, window=5, sample=1) as watch:
        for _ in range(46):
            model(torch.ones(1, 1))
    [site] = watch.report().sites
    steps = [one.step for one in site.history]
    assert 10 <= len(steps) <= 20
    assert steps[0] == 0
    assert {b - a for a, b in itertools.pairwise(steps)} == {4}
    assert site.elements == 5


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no module": ({"model": torch.relu}, "expected a torch.nn.Module, got builtin"),
    "no sites": ({"model": nn.Sequential(nn.Linear(2, 2))}, "no activation module in Sequential"),
    "unknown name": ({"sites": "bdy.1"}, r"no module of the model is meant by 'bdy.1'. Did you "
                     "mean 'body.1'"),
    "unknown class": ({"sites": nn.ELU}, "no module of the model is meant by ELU"),
    "foreign module": ({"sites": nn.ReLU()}, "no module of the model is meant by ReLU"),
    "no site": ({"sites": [3]}, "expected names, module classes, modules or predicates, got 3"),
    "other class": ({"sites": int}, "expected names, module classes"),
    "empty": ({"sites": []}, "no activation module"),
    "every": ({"every": 0}, "every must be an integer of 1 or more, got 0"),
    "window": ({"window": 2.5}, "window must be an integer of 1 or more, got 2.5"),
    "sample": ({"sample": True}, "sample must be an integer of 1 or more, got True"),
    "tolerance": ({"tolerance": 0.0}, "tolerance is between 0 and 1, got 0.0"),
    "log": ({"log": "wandb"}, "log is a function"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(case: str) -> None:
    options, sentence = BAD[case]
    body = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model = options.pop("model", nn.Sequential())
    if isinstance(model, nn.Sequential) and not len(model):
        model.add_module("body", body)
    with pytest.raises(ActlasError, match=sentence):
        actlas.monitor(model, **options)


def test_where_a_figure_can_go(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match=r"must end in \.png, \.svg, \.pdf"):
        report.plot(tmp_path / "figure.jpg")
    with pytest.raises(ActlasError, match=r"cannot write .*: No such file"):
        report.plot(tmp_path / "missing" / "figure.png")
