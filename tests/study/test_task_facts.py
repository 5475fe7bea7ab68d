"""What the built-in tasks say of their own data and networks is so."""

from __future__ import annotations

import importlib
import math
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from actlas.docs.tasks import tasks_page
from actlas.study import find_task, make_plan, run_plan
from actlas.study.tasks import at_hand, built_in_tasks, load_data, pinn, signals, tabular, toys, uci
from actlas.study.tasks import jsb_chorales as jsb

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


def test_the_page_is_what_would_be_written_now() -> None:
    """Else: python -m actlas.docs.tasks docs/tasks.md"""
    assert PAGE.read_text(encoding="utf-8") == tasks_page()


def test_the_page_has_every_task_once() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for task in built_in_tasks():
        assert page.count(f"\n| `{task.name}`") == 1


def test_what_relu_reaches_stands_beside_what_is_published() -> None:
    runs = {"digits": {"scores": [97.0, 97.4], "seconds": 3.2},
            "mnist-mlp": {"scores": [90.0], "seconds": 9.9},
            "xor": {"scores": [98.0], "seconds": 0.6}}  # fmt: skip
    page = tasks_page({"machine": {"processor": "Abacus"}, "tasks": runs})
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    assert "| **97.2**, 3 s | 97: support vector machine" in rows["digits"]
    assert "| 90, 10 s | 98.75: MLP" in rows["mnist-mlp"]
    assert "| 98, 0.6 s | - |" in rows["xor"]
    assert "| not run | - |" in rows["parity-5"]
    assert "Abacus" in page
    assert "1 of the 2 tasks" in page


def test_the_runs_behind_it_are_those_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PAGE.parents[1]))
    script, task = importlib.import_module("benchmarks.tasks"), find_task("digits")
    spec = script.specification("digits", 3)
    assert spec.seed == 3
    assert (spec.task, spec.activation, spec.optimizer) == ("digits", "relu", task.optimizer)
    assert (spec.epochs, spec.batch_size) == (task.epochs, task.batch_size)
    assert spec.learning_rate == task.learning_rates[task.optimizer]
    records = [replace(script.run("digits", 1), seconds=3.0),
               replace(script.run("digits", 0), seconds=5.0)]  # fmt: skip
    kept = script.told(records)
    assert kept["scores"] == [round(record.test, 4) for record in reversed(records)]
    assert kept["seconds"] == 4.0


# ---------------------------------------------------------------- toys: the best possible score


def best_of_parity(bits: int, noise: float) -> float:
    """A bit is misread where its noise exceeds 1; the parity is right if an even number is."""
    misread = 0.5 * math.erfc(1 / noise / math.sqrt(2))
    return 50 * (1 + (1 - 2 * misread) ** bits)


@pytest.mark.parametrize(("bits", "noise"), [(2, 0.4), (5, 0.3)])
def test_parity_can_be_read_as_well_as_is_said(bits: int, noise: float) -> None:
    points, labels = toys.parity(bits, noise, np.random.default_rng(7), 100_000)
    read = (points > 0).sum(1) % 2
    best = best_of_parity(bits, noise)
    assert 100 * np.mean(read == labels) == pytest.approx(best, abs=0.15)
    assert f"{best:.1f} %" in (toys.__doc__ or "")


def density(points: np.ndarray, centres: np.ndarray, noise: float = 0.2) -> np.ndarray:
    squared = ((points[:, None] - centres[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squared / (2 * noise**2)).mean(1))


def test_the_moons_can_be_told_apart_as_well_as_is_said() -> None:
    """The likelihood ratio of the two half circles is the best rule there is."""
    angle = np.linspace(0, np.pi, 200)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    points, labels = toys.moons(np.random.default_rng(7), 20_000)
    told = density(points, np.array([1, 0.5]) - upper) > density(points, upper)
    best = 100 * np.mean(told == labels)
    assert f"{best:.1f} % for the two moons" in " ".join((toys.__doc__ or "").split())


# ---------------------------------------------------------------- signals, tables


def test_signals_hold_their_shapes() -> None:
    """Without noise and slope a shape is read off unchanged; the ten differ from each other."""
    shapes = signals.templates()
    knots = np.arange(12.0)[None].repeat(10, 0)
    np.testing.assert_allclose(signals._read(shapes, knots), shapes)
    assert not signals._read(shapes, knots + 11.5).any()
    alike = np.corrcoef(shapes) - np.eye(10)
    assert abs(alike).max() < 0.97
    noise = signals._smooth_noise(np.random.default_rng(0), 2000)
    assert noise.std() == pytest.approx(1, abs=0.02)


_CLASSES = np.repeat([0, 1, 2], [59, 71, 48])  # as in the table of wines


def test_rows_are_dealt_out_once() -> None:
    for dealt in (tabular.rows(_CLASSES, 3), uci.parts(100, np.arange(10.0), 2)):
        everything = np.concatenate(dealt)
        assert sorted(everything) == list(range(len(everything)))
    assert [len(part) for part in tabular.rows(_CLASSES, 3)] == [142, 18, 18]


def test_ten_seeds_test_every_row_of_a_table_once() -> None:
    tested = [tabular.rows(_CLASSES, split)[2] for split in range(10)]
    assert sorted(np.concatenate(tested)) == list(range(178))
    shares = [np.bincount(_CLASSES[fold]) for fold in tested]
    assert np.ptp(shares, axis=0).max() <= 1
    slopes = np.linspace(0.0, 1.0, 50)
    assert sorted(np.concatenate(tabular.rows(slopes, 0))) == list(range(50))


def test_tables_are_in_units_of_their_training_rows() -> None:
    data = load_data("tabular-diabetes", None)
    assert len(data.further) == 9
    for one in (data, *data.further):
        assert one.train.inputs.mean(0).abs().max() < 1e-5
        assert one.train.targets.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert not torch.equal(data.train.inputs, data.further[0].train.inputs)


@pytest.mark.parametrize(("name", "count"), [("uci-yacht", 20), ("uci-protein", 5)])
def test_uci_splits_are_whole(name: str, count: int) -> None:
    if not at_hand(find_task(name)):
        pytest.skip("needs ACTLAS_DATA")
    data = load_data(name, None)
    splits = (data, *data.further)
    assert len(splits) == count
    counts = {sum(len(part) for part in (s.train, s.validation, s.test)) for s in splits}
    assert len(counts) == 1
    assert len(data.test) == pytest.approx(counts.pop() / 10, abs=1)


@pytest.mark.parametrize("table", uci.PRINTED)
def test_printed_errors_are_told_in_deviations_of_the_table(table: str) -> None:
    root = os.environ.get("ACTLAS_DATA")
    if root is None or not at_hand(find_task("uci-yacht")):
        pytest.skip("needs ACTLAS_DATA")
    with tarfile.open(Path(root) / "uci-regression" / "uci_regression.tar.xz") as archive:
        files = [archive.extractfile(f"{table}/{name}.txt") for name in ("data", "index_target")]
        rows, target = (np.loadtxt(file) for file in files if file)
    assert uci.PRINTED[table][1] == pytest.approx(rows[:, int(target)].std(), rel=1e-3)


# ---------------------------------------------------------------- equations, chorales


@pytest.mark.parametrize("equation", [pinn.BURGERS, pinn.ALLEN_CAHN], ids=lambda e: e.title)
def test_start_and_edges_are_built_in(equation: pinn.Equation) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = equation.network(nn.Tanh)
    x = torch.linspace(-1, 1, 9)[:, None]
    at_start = network(torch.cat([x, torch.zeros_like(x)], 1))[:, :1]
    torch.testing.assert_close(at_start, equation.start(x))
    for edge in (-1.0, 1.0):
        t = torch.rand(5, 1, generator=torch.Generator().manual_seed(1))
        u = network(torch.cat([torch.full_like(t, edge), t], 1))[:, :1]
        torch.testing.assert_close(u, equation.start(torch.full_like(t, edge)))


def test_the_residual_reaches_the_weights_in_training_alone() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = pinn.BURGERS.network(nn.Tanh)
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(1))
    outputs = network(points)
    assert outputs.requires_grad
    with torch.no_grad():
        scored = network(points)
    assert not scored.requires_grad
    torch.testing.assert_close(scored, outputs.detach())


def wave(points: torch.Tensor) -> torch.Tensor:
    x, t = points[:, :1], points[:, 1:]
    return torch.sin(2 * x) * torch.exp(-t)


def test_the_residual_of_a_known_function() -> None:
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u = wave(points)
    expected = -u + 4e-4 * u + 5 * u**3 - 5 * u
    torch.testing.assert_close(pinn.allen_cahn_residual(wave, points), expected)


@pytest.mark.parametrize("equation", [pinn.BURGERS, pinn.ALLEN_CAHN], ids=lambda e: e.title)
def test_references_solve_their_equations(equation: pinn.Equation) -> None:
    """By differences on the grid, where the solution is smooth."""
    task = next(t for t in built_in_tasks() if t.title == equation.title)
    if not at_hand(task):
        pytest.skip("needs ACTLAS_DATA")
    data = load_data(task.name, None)
    points = torch.cat([data.validation.inputs, data.test.inputs]).double()
    u = torch.cat([data.validation.targets, data.test.targets]).double()
    x, t = points.T.contiguous()
    xs, ts = torch.unique(x), torch.unique(t)
    grid = torch.empty(len(xs), len(ts), dtype=torch.float64)
    grid[torch.searchsorted(xs, x), torch.searchsorted(ts, t)] = u[:, 0]
    (u_x, u_t) = torch.gradient(grid, spacing=(xs, ts))
    (u_xx,) = torch.gradient(u_x, spacing=(xs,), dim=0)
    terms = {"Burgers' equation": grid * u_x - 0.01 / math.pi * u_xx,
             "the Allen-Cahn equation": 5 * grid**3 - 5 * grid - 1e-4 * u_xx}  # fmt: skip
    left = (u_t + terms[equation.title])[5:-5, 5:-5].abs().median()
    assert left < 0.02 * u_t.abs().max()


def test_steps_after_the_end_do_not_count() -> None:
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 5, 88, generator=draws)
    targets = torch.randint(0, 2, (2, 5, 88), generator=draws, dtype=torch.int8)
    targets[1, 3:] = -1
    changed = outputs.clone()
    changed[1, 3:] += 7
    assert jsb.loss(outputs, targets) == jsb.loss(changed, targets)
    each = nn.functional.binary_cross_entropy_with_logits(
        torch.cat([outputs[0], outputs[1, :3]]),
        torch.cat([targets[0], targets[1, :3]]).float(), reduction="sum",
    )  # fmt: skip
    torch.testing.assert_close(jsb.loss(outputs, targets), each / 8)
    assert jsb.score(100 * outputs, targets) == pytest.approx(88 * math.log(2))


# ---------------------------------------------------------------- less is better


def test_less_is_better_all_the_way_through_a_study(tmp_path: Path) -> None:
    """The rate with the least error is chosen, and a positive difference is an improvement."""
    plan = make_plan({"task": "tabular-diabetes", "activations": "relu,tanh", "seeds": 3,
                      "budget": 2, "epochs": 4, "selection": "best epoch"})  # fmt: skip
    result = run_plan(plan, tmp_path, workers=1)
    for record in result.records:
        curve = record.validation_curve
        assert record.validation == min(curve) == curve[record.best_epoch]
    for label, tuning in result.outcome.tunings.items():
        assert tuning.learning_rate == min(tuning.scores, key=tuning.scores.__getitem__), label
    reference, tanh = (
        [record.test for record in result.outcome.confirmations[name]] for name in ("relu", "tanh")
    )
    row = next(row for row in result.table if row.arm.label == "tanh")
    gained = np.subtract(reference, tanh).mean()
    assert np.mean(row.difference.values) == pytest.approx(gained)
    assert "RMSE" in result.report_path.read_text(encoding="utf-8")
