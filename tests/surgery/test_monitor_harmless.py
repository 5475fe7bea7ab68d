"""A watched model computes the same bits, and is afterwards as if nobody had looked."""

from __future__ import annotations

import copy
import gc
import io
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import actlas
from actlas.errors import ActlasError
from actlas.surgery.monitor.session import Monitor


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Weights and data are the same in every run, and the random state of the suite stays."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Shared(nn.Module):
    """Everything that is easily disturbed: one module called twice, work in place, chance."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.noisy, self.drop = nn.RReLU(), nn.Dropout(0.3, inplace=True)
        self.learned = actlas.nn.create("swish", num_parameters=8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.conv1(x))
        h = self.act(self.norm(self.conv2(h))) + h
        h -= 1.0  # the sum is changed in place; so is what the dropout gets
        h = self.learned(self.drop(self.noisy(h)))
        return self.head(h.mean((2, 3)))  # type: ignore[no-any-return]


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(1), nn.Linear(48, 16), nn.GELU(), nn.Dropout(0.2),
                                  nn.Linear(16, 4), actlas.nn.create("telu"))  # fmt: skip
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Any:
        return checkpoint(self.body, x, use_reentrant=self.reentrant)


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, activation=nn.GELU(), batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x.reshape(len(x), 3, 16))  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "shared, in place, random": Shared,
    "checkpointed": lambda: Checkpointed(False),
    "checkpointed, reentrant": lambda: Checkpointed(True),
    "transformer": Transformer,
}
PRECISIONS: dict[str, tuple[torch.dtype, Callable[[], AbstractContextManager[Any]]]] = {
    "float32": (torch.float32, nullcontext),
    "float64": (torch.float64, nullcontext),
    "bfloat16": (torch.bfloat16, nullcontext),
    "autocast": (torch.float32, lambda: torch.autocast("cpu", torch.bfloat16)),
}


def train(
    model: nn.Module, dtype: torch.dtype, context: Callable[[], AbstractContextManager[Any]],
    watch: Monitor | None,
) -> dict[str, Tensor]:  # fmt: skip
    """Return everything that three steps leave: outputs, gradients, weights, random state."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    left: dict[str, Tensor] = {}
    with watch or nullcontext():
        for step in range(4):
            x = torch.randn(6, 3, 4, 4, dtype=dtype, requires_grad=True)
            model.train(step != 2)  # one pass of evaluation in between
            with context():
                y = model(x)
            y.float().square().mean().backward()
            optimizer.step()
            left |= {f"y{step}": y.detach(), f"dx{step}": x.grad}  # type: ignore[dict-item]
            left |= {f"d{n}{step}": p.grad.clone() for n, p in model.named_parameters()
                     if p.grad is not None}  # fmt: skip
            optimizer.zero_grad()
    left |= {name: value.clone() for name, value in model.state_dict().items()}
    return left | {"random state": torch.get_rng_state()}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", MODELS)
def test_results_are_the_same_bit_for_bit(kind: str, precision: str) -> None:
    dtype, context = PRECISIONS[precision]
    watched = MODELS[kind]().to(dtype)
    alone = copy.deepcopy(watched)
    watch = actlas.monitor(watched, every=1)
    found = train(watched, dtype, context, watch)
    wanted = train(alone, dtype, context, None)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name
    report = watch.report()
    assert report.steps == report.observed == 3
    for site in report.sites:
        assert (site.note == "") == (site.function != "RReLU"), site.note
        assert site.gradient > 0 or kind == "checkpointed, reentrant"


def test_the_fast_path_of_transformers_stays() -> None:
    """In evaluation mode a hook would lead nn.TransformerEncoderLayer off its fused kernel."""
    model, x = Transformer().eval(), torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        alone = model(x)
        with actlas.monitor(model, every=1) as watch, watch.step():
            assert torch.equal(model(x), alone)
    with pytest.raises(ActlasError, match="did not run"):
        watch.report()
    with pytest.raises(ActlasError, match="fast path"):
        actlas.monitor(model.encoder.layers[0])


def every_hook(model: nn.Module) -> Iterator[object]:
    for module in model.modules():
        for name, value in vars(module).items():
            if "hook" in name and isinstance(value, dict):
                yield from value.items()


@pytest.mark.parametrize("where", ["in the block", "in the model", "in the log", "nowhere"])
def test_no_hook_is_left(where: str) -> None:
    class TroubleError(Exception):
        pass

    def fail(*_: object) -> None:
        raise TroubleError

    model = Shared()
    own = model.act.register_forward_hook(lambda *_: None)
    before = list(every_hook(model))
    broken = model.head.register_forward_pre_hook(fail) if where == "in the model" else None
    log = fail if where == "in the log" else None
    x = torch.randn(2, 3, 4, 4)
    try:
        with actlas.monitor(model, every=1, log=log) as watch:
            y = model(x)
            model(x)
            if where == "in the block":
                fail()
    except TroubleError:
        assert where != "nowhere"
    else:
        assert where == "nowhere"
        assert watch.report().observed == 2
        y.sum().backward()  # a graph that outlives the block
        assert watch.report().sites[0].gradient != watch.report().sites[0].gradient  # NaN
    if broken is not None:
        broken.remove()
    assert list(every_hook(model)) == before
    own.remove()


def test_an_error_in_a_pass_leaves_the_next_one_observed() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    with actlas.monitor(model, every=1) as watch:
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            model(torch.ones(2, 4))
        model(torch.ones(2, 3))
    assert watch.report().observed == 1
    assert watch.report().steps == 2


def test_nothing_is_kept_alive() -> None:
    model = Shared()
    with actlas.monitor(model, every=1) as watch:
        y = model(torch.randn(2, 3, 4, 4))
        y.sum().backward()
    report, gone = watch.report(), weakref.ref(model)
    del y, watch, model
    gc.collect()
    assert gone() is None
    assert report.sites


def test_steps_that_are_not_observed_have_no_hooks_on_sites() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    armed: list[int] = []
    model[0].register_forward_hook(lambda *_: armed.append(len(model[1]._forward_hooks)))
    with actlas.monitor(model, every=3) as watch:
        for _ in range(7):
            model(torch.ones(2, 3))
    assert armed == [1, 0, 0, 1, 0, 0, 1]
    assert (watch.report().steps, watch.report().observed) == (7, 3)


def test_copies_and_checkpoints_are_not_watched() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    keys = list(model.state_dict())
    with actlas.monitor(model, every=1) as watch:
        average = copy.deepcopy(model)
        buffer = io.BytesIO()
        torch.save(model, buffer)
        average(torch.ones(2, 3))
        assert watch.steps == 0
        assert list(model.state_dict()) == keys
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)  # written a few lines above
    assert torch.equal(loaded(torch.ones(2, 3)), model(torch.ones(2, 3)))


def test_evaluation_is_observed_when_it_is_asked_for() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval()
    x = torch.randn(20, 3)
    with actlas.monitor(model, every=1) as watch:
        model(x)
        with pytest.raises(ActlasError, match="no pass in training mode"):
            watch.report()
        for guard in (torch.no_grad, torch.inference_mode):
            with watch.step(), guard():
                model(x)
        [site] = watch.report().sites
    share = (model(x) == 0).float().mean().item()
    assert site.saturated == pytest.approx(share, abs=1e-6)
    assert watch.report().observed == 2
    assert site.gradient != site.gradient  # NaN: there was no backward pass


def test_inference_mode_may_come_and_go() -> None:
    """Tensors of inference mode cannot be changed outside of it; nothing here depends on that."""
    unit = actlas.nn.create("maxout", num_pieces=3)
    model = nn.Sequential(nn.Linear(3, 3), actlas.nn.create("swish"), unit)
    x = torch.randn(20, 3)
    with actlas.monitor(model, every=1) as watch:
        for inference in (True, False, True, True, False):
            with torch.inference_mode(inference), watch.step():
                model(x)
        assert watch.report().observed == 5
        model(x)
    assert [site.note for site in watch.report().sites] == ["", "it is not element-wise"]


def test_a_step_may_hold_several_passes() -> None:
    """Gradient accumulation: four passes are one step, and the calls are not told apart."""
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    with actlas.monitor(model, every=2) as watch:
        for _ in range(3):
            with watch.step():
                for _ in range(4):
                    model(torch.randn(5, 3)).sum().backward()
    report = watch.report()
    assert (report.steps, report.observed) == (3, 2)
    [site] = report.sites
    assert len(site.history) == 8
    assert site.gradient > 0


def test_two_monitors_do_not_meet() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh())
    with actlas.monitor(model, nn.ReLU, every=1) as one, actlas.monitor(model, "3") as other:
        model(torch.ones(2, 3)).sum().backward()
    assert [site.site for site in one.report().sites] == ["1"]
    assert [site.site for site in other.report().sites] == ["3"]
    with one:
        model(torch.ones(2, 3))
        with pytest.raises(ActlasError, match="watching already"), one:
            pass
    assert one.steps == 2
    with pytest.raises(ActlasError, match="needs a watching monitor"), one.step():
        pass


# ---------------------------------------------------------------- compilers and transforms


def test_a_compiled_model_is_refused_or_runs_eagerly() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    compiled = torch.compile(model, backend="eager")
    with pytest.raises(ActlasError, match="compiled graph"):
        actlas.monitor(compiled)
    x = torch.randn(6, 3)
    compiled(x)
    with actlas.monitor(compiled, every=2, eager=True) as watch:
        for _ in range(4):
            compiled(x).sum().backward()
    report = watch.report()
    assert (report.steps, report.observed) == (4, 2)
    assert [site.site for site in report.sites] == ["1"]
    assert report.sites[0].gradient > 0
    assert torch.equal(compiled(x), model(x))
    torch.compiler.reset()


@pytest.mark.parametrize("whole", [False, True], ids=["model", "step"])
def test_hooks_are_silent_in_a_graph(whole: bool) -> None:
    """What is compiled later than it is watched compiles whole, and the report says why."""
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    x = torch.randn(6, 3)
    with actlas.monitor(model, every=1) as watch:
        function: Any = (lambda value: model(value).sum()) if whole else model
        compiled = torch.compile(function, backend="eager", fullgraph=True)
        compiled(x)
        compiled(x)
        with pytest.raises(ActlasError, match="A compiled graph runs no hooks"):
            watch.report()
    with actlas.monitor(model, every=1, eager=True) as watch:
        with watch.step():
            compiled(x).sum().backward()
        assert watch.report().sites[0].gradient > 0
    torch.compiler.reset()


def test_function_transforms_are_not_observed() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    with actlas.monitor(model, every=1) as watch:
        torch.vmap(model)(torch.randn(4, 2, 3))
        torch.func.jacrev(model)(torch.randn(3))
        torch.export.export(model, (torch.randn(2, 3),))
        assert watch.steps == 0
        model(torch.randn(2, 3))
        assert watch.report().steps == 1


def test_outputs_without_floats_are_left_out() -> None:
    class Rounds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.round().int()

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return x.relu(), None

    model = nn.ModuleList([Rounds(), Pair(), nn.ReLU()])
    model.forward = lambda x: (model[0](x), model[1](x)[0], model[2](x[:0]))  # type: ignore[method-assign]
    with actlas.monitor(model, ["0", "1", "2"], every=1) as watch:
        model(torch.randn(4, 3))
    report = watch.report()
    assert set(report.left_out) == {"0", "2"}
    assert "real floats" in report.left_out["0"]
    assert [site.site for site in report.sites] == ["1"]
