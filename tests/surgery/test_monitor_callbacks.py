"""The monitor inside Lightning's and Hugging Face's own training loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import actlas
from actlas.surgery.monitor.session import Monitor
from tests.support.peers import peer

pytestmark = pytest.mark.filterwarnings("ignore")  # what other packages warn of is not ours


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def data() -> TensorDataset:
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, x[:, :2] - x[:, 2:4])


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


# ---------------------------------------------------------------- Lightning


def lit(home: Any, fails_at: int = -1) -> Any:
    class Lit(home.LightningModule):  # type: ignore[name-defined, misc]
        """Calls its network by name, so that its own forward never runs."""

        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 8), actlas.nn.create("swish"), nn.Linear(8, 2))

        def training_step(self, batch: Any, index: int) -> Tensor:
            if index == fails_at:
                raise RuntimeError("planned")
            return nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            self.net(batch[0])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Lit()


def fit(home: Any, model: Any, watch: Monitor, folder: Path) -> Any:
    trainer = home.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, log_every_n_steps=4,
        default_root_dir=folder, callbacks=[watch.for_lightning()],
    )  # fmt: skip
    trainer.fit(model, DataLoader(data(), 8), DataLoader(data(), 32))
    return trainer


def test_lightning(tmp_path: Path) -> None:
    home = peer("lightning.pytorch")
    model = lit(home)
    watch = actlas.monitor(model, every=2)
    trainer = fit(home, model, watch, tmp_path)
    report = watch.report()
    assert (report.steps, report.observed) == (16, 8), "validation is no step"
    assert report.sites[0].site == "net.1"
    assert report.sites[0].gradient > 0
    logged = trainer.callback_metrics
    assert {"net.1/saturated", "net.1/gradient", "net.1/beta"} <= set(logged)
    assert logged["net.1/beta"] == pytest.approx(report.sites[0].shape["beta"][0], abs=1e-6)
    assert not hooks(model)
    assert not watch.watching


def test_lightning_is_left_clean_by_an_error(tmp_path: Path) -> None:
    home = peer("lightning.pytorch")
    model = lit(home, fails_at=3)
    watch = actlas.monitor(model, every=1)
    with pytest.raises(RuntimeError, match="planned"):
        fit(home, model, watch, tmp_path)
    assert not hooks(model)
    assert watch.report().observed == 3


# ---------------------------------------------------------------- Hugging Face


def train(model: nn.Module, watch: Monitor, folder: Path, **options: Any) -> Any:
    home = peer("transformers")
    peer("accelerate")
    arguments = home.TrainingArguments(
        output_dir=str(folder), max_steps=6, per_device_train_batch_size=8, logging_steps=2,
        report_to=[], disable_tqdm=True, save_strategy="no", use_cpu=True, **options,
    )  # fmt: skip
    rows = [{"x": x, "labels": y} for x, y in data()]
    callbacks = [watch.for_transformers()]
    trainer = home.Trainer(model, arguments, train_dataset=rows, callbacks=callbacks)
    trainer.train()
    return trainer


class Net(nn.Module):
    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        self.fails_at, self.passes = fails_at, 0

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.passes += 1
        if self.passes == self.fails_at:
            raise RuntimeError("planned")
        y = self.body(x)
        return {"loss": nn.functional.mse_loss(y, labels), "logits": y}


@pytest.mark.parametrize("accumulate", [1, 4])
def test_transformers(tmp_path: Path, accumulate: int) -> None:
    """A step is one of the optimiser, however many passes it accumulates."""
    model = Net()
    watch = actlas.monitor(model, every=2)
    trainer = train(model, watch, tmp_path, gradient_accumulation_steps=accumulate)
    report = watch.report()
    assert (report.steps, report.observed) == (6, 3)
    assert len(report.sites[0].history) == 3 * accumulate
    assert report.sites[0].gradient > 0
    logged = [row for row in trainer.state.log_history if "loss" in row]
    assert len(logged) == 3
    assert all(0 < row["body.1/saturated"] < 1 for row in logged)
    assert not hooks(model)


def test_transformers_is_left_clean_in_a_block(tmp_path: Path) -> None:
    """The Trainer tells callbacks of no error; the with block takes care of it."""
    model = Net(fails_at=3)
    watch = actlas.monitor(model, every=1)
    with pytest.raises(RuntimeError, match="planned"), watch:
        train(model, watch, tmp_path)
    assert not hooks(model)
    assert watch.report().observed == 2
