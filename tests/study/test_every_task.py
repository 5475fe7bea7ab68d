"""Every task keeps the protocol: data, splits, network, loss, score, and a start of training."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.study import Data, Published, Split, Task
from actlas.study.tasks import at_hand, built_in_tasks, load_data
from actlas.study.tasks._rows import together
from actlas.study.training import Phase, RunSpec, train

MakeSpec = Callable[..., RunSpec]

TASKS = sorted(built_in_tasks(), key=lambda task: (task.folder, task.name))
FILES = [task for task in TASKS if task.folder]
ROOT = Path(os.environ["ACTLAS_DATA"]) if "ACTLAS_DATA" in os.environ else None
EXAMPLES = 4  # at once, where a network is only tried
QUICK = 20_000_000  # numbers in a training part that is soon read twice
SOON = 2_000_000  # weights of a network that learns something within a second


def by_data(tasks: list[Task]) -> list[object]:
    """Return parameters in which tasks with the same data share a worker."""
    return [pytest.param(task, id=task.name, marks=pytest.mark.xdist_group(task.folder or "small"))
            for task in tasks]  # fmt: skip


@pytest.fixture(scope="module", params=by_data(TASKS))
def task(request: pytest.FixtureRequest) -> Task:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def data(task: Task) -> Data:
    if not at_hand(task):
        pytest.skip(f"needs the folder {task.folder} in ACTLAS_DATA")
    return read(task.data)


@lru_cache(maxsize=1)
def read(loader: Callable[[Path | None], Data]) -> Data:
    """Read data once for tasks that stand side by side and differ in the network alone."""
    return loader(ROOT)


def kinds() -> set[str]:
    """Return the first task of every file of tasks."""
    files = {getattr(task.data, "func", task.data).__module__: task.name for task in TASKS[::-1]}
    return set(files.values())


@pytest.fixture(autouse=True)
def own_numbers() -> Iterator[None]:
    """Networks draw their first weights from the global generator: it starts the same here."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def parts_of(data: Data) -> list[Split]:
    return [part for one in (data, *data.further) for part in (one.train, one.validation, one.test)]


# ---------------------------------------------------------------- the checks, of any task


def check_words(task: Task) -> None:
    for text in (task.title, task.source, task.architecture, *task.limits):
        assert text
        assert text == text.strip()
    assert task.limits
    assert all(text.endswith(".") for text in (*task.limits, *task.network_limits))
    assert task.optimizer in task.learning_rates
    assert task.practical_difference > 0


def check_published(task: Task) -> None:
    """What others reach is a score of this metric, better than the worst, on data of others."""
    found = task.published
    if found is None:
        return
    assert np.isfinite(found.score)
    assert task.metric.beats(found.score, task.metric.worst)
    if task.metric.unit in ("points", "%") and task.metric.higher_is_better:
        assert 1 < found.score <= 100  # below 1 it is told as a share
    for text in (found.network, found.source):
        assert text
        assert text == text.strip(" .;")
    assert task.folder or "generator" not in task.source


def check_shapes(task: Task, data: Data) -> None:
    """Parts are of one kind, and nothing in them is broken."""
    first = data.train
    for part in parts_of(data):
        assert len(part) > 0
        assert len(part.inputs) == len(part.targets)
        for one, other in ((part.inputs, first.inputs), (part.targets, first.targets)):
            assert one.dtype == other.dtype
            assert one.ndim == other.ndim
        assert torch.isfinite(task.transform(part.inputs[:100]).float()).all()
        assert not part.targets.is_floating_point() or torch.isfinite(part.targets).all()
    assert data.of_seed(len(data.further) + 1) is data


def check_same_twice(one: Data, other: Data) -> None:
    for left, right in zip(parts_of(one), parts_of(other), strict=True):
        assert torch.equal(left.inputs, right.inputs)
        assert torch.equal(left.targets, right.targets)


def rows(inputs: Tensor) -> list[bytes]:
    flat = np.ascontiguousarray(inputs.reshape(len(inputs), -1).numpy())
    return [row.tobytes() for row in flat]


def check_disjoint(data: Data) -> None:
    """Examples to be scored were not trained on, beyond what repeats in the training part."""
    seen = Counter(rows(data.train.inputs))
    repeated = sum(count for count in seen.values() if count > 1) / len(data.train)
    for part in (data.validation, data.test):
        known = sum(row in seen for row in rows(part.inputs)) / len(part)
        assert known <= 1.5 * repeated + 0.05


def check_loss(task: Task, data: Data) -> None:
    """Outputs fit the targets, the loss is finite, and every weight has a finite slope."""
    network = task.network(nn.ReLU).train()
    batch = slice(0, EXAMPLES)
    outputs = network(task.transform(data.train.inputs[batch]))
    assert len(outputs) == EXAMPLES
    loss = task.loss(outputs, data.train.targets[batch])
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    loss.backward()
    slopes = [weight.grad for weight in network.parameters() if weight.grad is not None]
    assert all(torch.isfinite(slope).all() for slope in slopes)
    assert sum(bool(slope.any()) for slope in slopes) >= len(list(network.parameters())) / 2


def check_score(task: Task, data: Data) -> None:
    """A network that knows nothing scores no worse than a diverged run, and a score is finite."""
    network = task.network(nn.ReLU).eval()
    few = Split(data.validation.inputs[:20], data.validation.targets[:20])
    with torch.no_grad():
        outputs = network(task.transform(few.inputs))
    for scale in (1.0, 1e4):
        score = task.metric.score(outputs * scale, few.targets)
        assert np.isfinite(score)
        assert not task.metric.beats(task.metric.worst, score)


def check_devices(task: Task, data: Data) -> None:
    """A batch goes to another device with the network: no tensor of the task's stays behind.

    PyTorch's meta device stands in for an accelerator; it has shapes, and no numbers.
    """
    inputs, targets = (tensor[:EXAMPLES].to("meta") for tensor in vars(data.train).values())
    outputs = task.network(nn.ReLU).to("meta").train()(task.transform(inputs))
    assert task.loss(outputs, targets).device.type == "meta"


def check_learns(task: Task, data: Data, make_spec: MakeSpec) -> None:
    """Three short epochs lower the loss, and the score is not that of a diverged run."""
    size = min(task.batch_size, 8)
    spec = make_spec(
        task=task.name, optimizer=task.optimizer, phase=Phase.TUNING, epochs=3, batch_size=size,
        learning_rate=task.learning_rates[task.optimizer] / 5,  # there is hardly any warm-up
    )  # fmt: skip
    sizes = ((data.train, 4 * size), (data.validation, 20), (data.test, 1))
    few = Data(*(Split(part.inputs[:n], part.targets[:n]) for part, n in sizes))
    record = train(spec, task, few)
    assert not record.diverged
    assert record.loss_curve[-1] < record.loss_curve[0]


# ---------------------------------------------------------------- every task


def test_it_says_what_it_is(task: Task) -> None:
    check_words(task)


def test_what_others_reach_is_a_score(task: Task) -> None:
    check_published(task)


def test_its_parts_are_of_one_kind(task: Task, data: Data) -> None:
    check_shapes(task, data)


def test_training_and_scoring_share_nothing(task: Task, data: Data) -> None:
    check_disjoint(data)


def test_data_are_the_same_every_time(task: Task, data: Data) -> None:
    if task.name not in kinds():
        pytest.skip("read by the same lines as another task")
    if data.train.inputs.numel() > QUICK:
        pytest.skip("takes long to read twice")
    check_same_twice(data, task.data(ROOT))


def test_outputs_fit_the_loss(task: Task, data: Data) -> None:
    check_loss(task, data)


def test_it_can_be_trained_elsewhere(task: Task, data: Data) -> None:
    try:
        check_devices(task, data)
    except NotImplementedError:
        pytest.skip("how many objects it finds depends on numbers, which the stand-in has not")


def test_scores_are_finite(task: Task, data: Data) -> None:
    check_score(task, data)


def test_training_helps(task: Task, data: Data, make_spec: MakeSpec) -> None:
    if count_parameters(task.network(nn.ReLU)) > SOON:
        pytest.skip("a network too large for a short test")
    check_learns(task, data, make_spec)


@pytest.mark.parametrize("task", by_data(FILES))
def test_missing_files_say_what_to_do(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACTLAS_DATA", raising=False)
    assert not at_hand(task)
    with pytest.raises(ActlasError, match=r"--data-root .*ACTLAS_DATA.* FOLDER/"):
        task.data(None)
    with pytest.raises(ActlasError, match=r"^cannot read .*; put the file there, "):
        task.data(tmp_path)


@pytest.mark.parametrize("task", by_data(FILES))
def test_damaged_files_are_named(task: Task, tmp_path: Path) -> None:
    """The file that is asked for first holds something else."""
    with pytest.raises(ActlasError) as missing:
        task.data(tmp_path)
    path = Path(re.findall(r"cannot read (.*?): ", str(missing.value))[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    assert at_hand(task, tmp_path)
    with pytest.raises(ActlasError, match=re.escape(path.name)) as damaged:
        task.data(tmp_path)
    assert "cannot read" not in str(damaged.value)
    assert "\n" not in str(damaged.value)


# ---------------------------------------------------------------- what the checks are for


@pytest.fixture(scope="module")
def sound() -> tuple[Task, Data]:
    task = next(task for task in TASKS if task.name == "xor")
    return task, load_data(task.name, None)


def test_a_sound_task_passes(sound: tuple[Task, Data], make_spec: MakeSpec) -> None:
    check_words(sound[0])
    check_published(replace(sound[0], source="a paper", published=Published(98, "MLP", "a paper")))
    for check in (check_shapes, check_loss, check_score, check_devices):
        check(*sound)
    check_disjoint(sound[1])
    check_learns(*sound, make_spec)


def leaking(data: Data) -> Data:
    return replace(data, test=replace(data.test, inputs=data.train.inputs.repeat(4, 1)))


def redrawn(data: Data) -> Data:
    noise = torch.randn(data.test.inputs.shape)
    return replace(data, test=replace(data.test, inputs=data.test.inputs + noise))


def without_end(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets) * float("inf")


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        (check_loss, {"loss": without_end}),
        (check_loss, {"loss": lambda outputs, targets: (0 * outputs).sum()}),
        (check_loss, {"network": lambda activation: nn.Linear(3, 2)}),
        (check_score, {"metric": "unbounded"}),
        (check_devices, {"transform": lambda inputs: inputs.float() - torch.zeros(2)}),
        (check_words, {"limits": ()}),
        (check_words, {"optimizer": "lion"}),
        (check_published, {"published": Published(98.0, "MLP", "drawn by others")}),
        (check_published, {"source": "a paper", "published": Published(0.0, "MLP", "a paper")}),
        (check_published, {"source": "a paper", "published": Published(101, "MLP", "a paper")}),
        (check_published, {"source": "a paper", "published": Published(0.98, "MLP", "a paper")}),
        (check_published, {"source": "a paper", "published": Published(98, "MLP", "a paper.")}),
    ],
)
def test_a_broken_task_is_seen(
    sound: tuple[Task, Data], check: Callable[..., None], changes: dict[str, object]
) -> None:
    task, data = sound
    if "metric" in changes:
        error = replace(task.metric, higher_is_better=False, worst=0.1,
                        score=lambda outputs, targets: outputs.abs().mean().item())  # fmt: skip
        changes = {"metric": error}
    broken = replace(task, **changes)  # type: ignore[arg-type]
    with pytest.raises((AssertionError, RuntimeError)):
        check(broken) if check in (check_words, check_published) else check(broken, data)


def test_broken_data_are_seen(sound: tuple[Task, Data], make_spec: MakeSpec) -> None:
    task, data = sound
    with pytest.raises(AssertionError):
        check_disjoint(leaking(data))
    with pytest.raises(AssertionError):
        check_same_twice(data, redrawn(data))
    torn = replace(data.test, inputs=data.test.inputs.double())
    with pytest.raises(AssertionError):
        check_shapes(task, replace(data, test=torn))
    upside_down = replace(task, loss=lambda outputs, targets: -task.loss(outputs, targets))
    with pytest.raises(AssertionError):
        check_learns(replace(upside_down, learning_rates={"sgd": 1e-9}), data, make_spec)


def test_each_seed_trains_on_its_own_split(
    sound: tuple[Task, Data], make_spec: MakeSpec, unreadable: Split
) -> None:
    """Only the split of the seed is read: in the other one nothing can be computed."""
    task, data = sound
    few = Data(*(Split(part.inputs[:50], part.targets[:50]) for part in parts_of(data)))
    both = together([Data(unreadable, unreadable, unreadable), few])
    spec = make_spec(task=task.name, epochs=1, seed=3)
    assert train(spec, task, both).test == train(spec, task, few).test
    with pytest.raises((RuntimeError, IndexError, ZeroDivisionError)):
        train(make_spec(task=task.name, epochs=1, seed=2), task, both)
