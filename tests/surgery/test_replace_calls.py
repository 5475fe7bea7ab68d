"""Calls in methods: told apart one by one, in every way in which a model is run."""

from __future__ import annotations

import copy
import io
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as models write it
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import actlas
from tests.surgery.replace_models import Nest, Twice, draw

TELU = actlas.get("telu")


def distinct(model: nn.Module) -> nn.Module:
    """Give every PReLU of a model a slope of its own, so that no two can be mixed up."""
    slopes = [m for m in model.modules() if type(m).__name__ == "PReLU"]
    assert slopes
    with torch.no_grad():
        for number, module in enumerate(slopes, start=1):
            module.weight.fill_(0.1 * number)  # type: ignore[operator, union-attr]
    return model


def twice(model: Twice, x: Tensor) -> Tensor:
    """What `Twice` computes with its own two slopes."""
    first, second = (p for name, p in model.named_parameters() if "actlas_calls" in name)
    return F.prelu(model.b(F.prelu(model.a(x), first)), second)


# ---------------------------------------------------------------- told apart


def check_every_call_has_its_own() -> None:
    model, x = Twice(), draw(6, 4)
    actlas.replace(model, {"relu": "prelu"})
    distinct(model)
    for _ in range(50):  # the interpreter rewrites what it runs often
        torch.testing.assert_close(model(x), twice(model, x))


def test_every_call_has_its_own() -> None:
    check_every_call_has_its_own()


def check_twins() -> None:
    """The inner module of the same class keeps its function while the outer one runs."""
    model, x = Nest(Nest()), draw(5, 4)
    actlas.replace(model, {"relu": "telu"}, where="actlas_calls.*")
    inner = F.relu(model.inner.a(x)) * 2  # type: ignore[union-attr, operator]
    y = TELU(model.a(inner))
    torch.testing.assert_close(model(x), 2 * TELU(y))


def test_a_twin_inside_keeps_its_own() -> None:
    check_twins()


def test_functions_of_the_model_are_followed() -> None:
    model, x = Nest(), draw(5, 4)
    report = actlas.replace(model, {"relu": "telu"})
    assert len(report.replaced) == 3, "in forward, in a function it calls, in a comprehension"
    assert all("replace_models.py" in row.where for row in report.replaced)
    torch.testing.assert_close(model(x), 2 * TELU(TELU(model.a(x))))


def test_loops_share_one_instance() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = F.relu(layer(x))
            return x

    model, x = Loop(), draw(5, 4)
    report = actlas.replace(model, {"relu": "prelu"})
    assert len(report.replaced) == 1
    y = x
    for layer in model.layers:
        y = F.prelu(layer(y), torch.tensor(0.25))
    torch.testing.assert_close(model(x), y)


def test_super_and_static_methods_and_local_imports() -> None:
    class Base(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x)

        def unused(self, x: Tensor) -> Tensor:
            return F.relu(x)

    class Derived(Base):
        @staticmethod
        def shifted(x: Tensor) -> Tensor:
            return torch.relu(x - 1)

        def forward(self, x: Tensor) -> Tensor:
            import torch.nn.functional as functional
            from torch.nn.functional import relu

            return super().forward(x) + self.shifted(x) + functional.relu(x + 1) + relu(x + 2)

        def unused(self, x: Tensor) -> Tensor:
            return x

    model, x = Derived(), draw(5, 4)
    report = actlas.replace(model, {"relu": "telu"})
    assert len(report.replaced) == 4, "what is overridden and never reached does not count"
    torch.testing.assert_close(model(x), TELU(x) + TELU(x - 1) + TELU(x + 1) + TELU(x + 2))


def test_a_call_with_arguments() -> None:
    class Leaky(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.leaky_relu(x, 0.3) + torch.tanh(input=x)

    model, x = Leaky(), draw(5, 4)
    report = actlas.replace(model, {"leaky_relu": "telu", "tanh": "mish"})
    torch.testing.assert_close(model(x), TELU(x) + F.mish(x))
    assert report.replaced[0].difference is None, "the slope is known only when it runs"


# ---------------------------------------------------------------- every way to run a model


def test_copies_are_independent() -> None:
    model, x = Twice(), draw(6, 4)
    actlas.replace(model, {"relu": "prelu"})
    other = distinct(copy.deepcopy(model))
    torch.testing.assert_close(other(x), twice(other, x))  # type: ignore[arg-type]
    assert not torch.equal(other(x), model(x))
    other.zero_grad()
    other(x).sum().backward()
    assert all(p.grad is None for p in model.parameters())


def test_a_whole_model_can_be_pickled() -> None:
    model, x = distinct_twice(), draw(6, 4)
    actlas.replace(model, {"prelu": "prelu"}, where="*relu_1")  # and replaced once more
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    other = torch.load(file, weights_only=False)
    assert torch.equal(other(x), model(x))
    assert type(other).__name__ == "Twice"
    assert isinstance(other, Twice)


def distinct_twice() -> Twice:
    model = Twice()
    actlas.replace(model, {"relu": "prelu"})
    distinct(model)
    return model


def test_threads_do_not_meet() -> None:
    x, plain, changed = draw(6, 4), Twice(), distinct_twice()
    wanted = [(plain, plain(x)), (changed, changed(x))]
    wrong: list[str] = []

    def run(model: nn.Module, expected: Tensor) -> None:
        wrong.extend("x" for _ in range(100) if not torch.equal(model(x), expected))

    threads = [threading.Thread(target=run, args=pair) for pair in wanted * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_checkpointing_runs_the_same_function_again() -> None:
    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twice = Twice()

        def part(self, x: Tensor) -> Tensor:
            return F.relu(self.twice(x))

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.part, x, use_reentrant=False)  # type: ignore[no-any-return]

    model, x = Saving(), draw(6, 4)
    actlas.replace(model, {"relu": "prelu"})
    distinct(model)
    weights = list(model.parameters())
    saving = torch.autograd.grad(model(x).square().sum(), weights)
    plain = torch.autograd.grad(model.part(x).square().sum(), weights)
    for one, two in zip(saving, plain, strict=True):
        torch.testing.assert_close(one, two)


def test_transforms_of_functions() -> None:
    model, x = distinct_twice(), draw(6, 4)
    values = {name: p.detach() for name, p in model.named_parameters()}

    def f(row: Tensor) -> Tensor:
        return torch.func.functional_call(model, values, (row[None],))[0]  # type: ignore[no-any-return]

    torch.testing.assert_close(torch.func.vmap(f)(x), model(x).detach())
    jacobian = torch.func.jacrev(f)(x[0])
    torch.testing.assert_close(jacobian, torch.func.jacfwd(f)(x[0]))


class Leaves(torch.fx.Tracer):
    """Sees activation functions as they are called, not what they are made of."""

    def is_leaf_module(self, m: nn.Module, name: str) -> bool:
        return isinstance(m, (nn.Linear, actlas.nn.PReLU))


def test_export_and_fx_see_the_new_function() -> None:
    model, x = distinct_twice().eval(), draw(6, 4)
    exported = torch.export.export(model, (x,))
    torch.testing.assert_close(exported.module()(x), model(x))
    nodes = Leaves().trace(model).nodes
    called = [str(node.target) for node in nodes if node.op == "call_module"]
    assert called == ["a", "actlas_calls.relu_1", "b", "actlas_calls.relu_2"]


def test_in_a_traced_graph_modules_are_replaced_and_calls_are_not() -> None:
    """A copy of a GraphModule is made from its graph, in which the calls would be the old ones."""
    graph, x = torch.fx.symbolic_trace(nn.Sequential(Twice(), nn.ReLU())), draw(6, 4)
    report = actlas.replace(graph, {"relu": "telu"})
    assert [row.path for row in report.replaced] == ["1"]
    assert "replace before tracing" in report.refused[0].reason
    assert torch.equal(copy.deepcopy(graph)(x), graph(x))


# ---------------------------------------------------------------- torch.compile


def compiled(model: nn.Module, **options: Any) -> Callable[..., Any]:
    torch._dynamo.reset()
    return torch.compile(model, backend="eager", **options)


def check_compiled() -> None:
    """Two calls told apart by their order, beside functions in modules."""
    model, x = nn.Sequential(distinct_twice(), nn.ReLU()), draw(6, 4)
    actlas.replace(model, {"relu": "telu"})
    expected = TELU(twice(model[0], x))  # type: ignore[arg-type]
    torch.testing.assert_close(compiled(model, fullgraph=True)(x), expected)


@pytest.fixture
def _quiet() -> Any:
    """Dynamo itself warns while it looks at tensors after a graph break."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_compiled_in_one_graph() -> None:
    check_compiled()


def test_a_compiled_model_is_compiled_anew() -> None:
    model, x = Twice(), draw(6, 4)
    quick = compiled(model)
    before = quick(x)
    report = actlas.replace(quick, {"relu": "telu"})  # type: ignore[arg-type]
    torch.testing.assert_close(quick(x), TELU(model.b(TELU(model.a(x)))))
    report.undo()
    torch.testing.assert_close(quick(x), before)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.scale = nn.Linear(4, 4), 1

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = F.relu(self.a(x))
        torch._dynamo.graph_break()
        return F.relu(x * self.scale - 1)


@pytest.mark.usefixtures("_quiet")
def test_what_cannot_be_told_apart_is_left_uncompiled_and_said() -> None:
    model, x = Branches(), draw(6, 4).abs()
    report = actlas.replace(model, {"relu": "prelu"})
    assert all("runs uncompiled" in row.remark for row in report.replaced)
    distinct(model)
    quick = compiled(model)
    for signed in (x, -x):
        torch.testing.assert_close(quick(signed), model(signed))


@pytest.mark.usefixtures("_quiet")
def test_code_that_dynamo_rewrote_and_runs_itself() -> None:
    """Behind a graph break and past the limit of recompilations, rewritten code runs as it is."""
    model, x = Branches(), draw(6, 4).abs()
    report = actlas.replace(model, {"relu": "telu"})
    assert not any("uncompiled" in row.remark for row in report.replaced)
    quick = compiled(model)
    with torch._dynamo.config.patch(recompile_limit=2, automatic_dynamic_shapes=False):
        for scale in range(1, 6):
            model.scale = scale
            torch.testing.assert_close(quick(x), model(x))


def test_functions_of_the_old_kind_below_are_not_taken_along() -> None:
    """Compiled code has no places, so a module that keeps its ReLU must not be caught."""

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.relu = nn.Linear(4, 4), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.a(self.relu(x)))

    model, x = Mixed(), draw(6, 4)
    actlas.replace(model, {"relu": "telu"}, only="functions")
    torch.testing.assert_close(compiled(model)(x), TELU(model.a(F.relu(x))))
