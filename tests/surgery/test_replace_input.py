"""What cannot be replaced is refused in one sentence or told in the report; the model stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as models write it
from torch import Tensor, nn

import actlas
from actlas.errors import ActlasError
from actlas.surgery import Site
from tests.surgery.replace_models import Twice, draw

# ---------------------------------------------------------------- requests that make no sense


def _linear(site: Site) -> nn.Module:
    return nn.Linear(4, 5)


ONE = nn.ReLU()

REQUESTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no model": ("relu", {}, "must be a torch.nn.Module, got str"),
    "no rule": ({}, {}, "say what to replace by what"),
    "nothing matched": ({"gelu": "telu"}, {}, "does not call gelu; .* found in it: relu ×2"),
    "a name nearby": ({"rellu": "telu"}, {}, "'rellu' is neither a function .* Did you mean"),
    "a new name nearby": ({"relu": "tellu"}, {}, "Did you mean 'telu'"),
    "a layer by class": ({nn.Linear: "telu"}, {}, "layer of PyTorch .* no activation function"),
    "a layer by path": ({"a": "telu"}, {}, "layer of PyTorch .* no activation function"),
    "a class of its own": ({int: "telu"}, {}, "int is no module class"),
    "a number": ({3: "telu"}, {}, "cannot replace 3"),
    "by a number": ({"relu": 3}, {}, "cannot put 3 into a model"),
    "two rules": ({"relu": "telu", F.relu: "mish"}, {}, "meant by relu and by relu"),
    "only what": ({"relu": "telu"}, {"only": "module"}, "only is .* Did you mean 'modules'"),
    "nothing left": ({"relu": "telu"}, {"where": "b.*"}, "called at 2 places, and .* none of them"),
    "a count": ({"relu": "telu"}, {"first": 0}, "first must be an integer of 1 or more, got 0"),
    "where": ({"relu": "telu"}, {"where": [1]}, "where takes patterns"),
    "an answer": ({(lambda site: 3): "telu"}, {}, "answers True or False for a site, got 3"),
    "no predicate": ({(lambda site: False): "telu"}, {}, "does not call the predicate"),
    "two inputs": ({"relu": "and_nail"}, {}, "function of x and y"),
    "a derivative": ({"relu": actlas.get("telu").derivative()}, {}, "a derivative is no module"),
    "missing arguments": ({"relu": "maxout"}, {}, "Maxout needs num_pieces; give a factory"),
    "no module": ({"relu": lambda site: 3}, {}, "gave 3 for .* which is no module"),
    "another width": ({"relu": _linear}, {}, r"gives \(2, 5\) for \(2, 4\)"),
    "another rank": ({"relu": "frelu"}, {}, "does not fit"),
    "one for all": ({"relu": lambda site: ONE}, {}, "stands elsewhere too"),
}  # fmt: skip


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_that_cannot_be_met(case: str) -> None:
    functions, options, says = REQUESTS[case]
    model, x = Twice(), draw(5, 4)
    before = model(x)
    with pytest.raises(ActlasError, match=says) as error:
        actlas.replace("net" if case == "no model" else model, functions, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert type(model) is Twice
    assert torch.equal(model(x), before)


def test_a_model_that_is_the_function_itself() -> None:
    with pytest.raises(ActlasError, match="the model itself is the function"):
        actlas.replace(nn.ReLU(), {"relu": "telu"})


def test_a_name_that_is_also_a_path() -> None:
    class Misnamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.act = nn.GELU(), nn.ReLU()

    with pytest.raises(ActlasError, match=r"'relu' is ambiguous: .* path of a gelu"):
        actlas.replace(Misnamed(), {"relu": "telu"})
    report = actlas.replace(Misnamed(), {"[r]elu": "telu"})
    assert [row.path for row in report.replaced] == ["relu"]
    report = actlas.replace(Misnamed(), {actlas.get("relu"): "telu"})
    assert [row.path for row in report.replaced] == ["act"]


def test_units_take_their_channels_from_the_layer_before() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.relu = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.b(self.relu(self.a(x))))

    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Dropout2d(), nn.ReLU(), nn.Linear(5, 5), nn.ReLU())
    report = actlas.replace(model, {"relu": "frelu"})
    assert model[2].channels == 5
    assert [row.reason.partition(":")[0] for row in report.refused] == ["FReLU does not fit"]
    with pytest.raises(ActlasError, match="relu is called at 2 places that may differ in it"):
        actlas.replace(Reused(), {"relu": "frelu"})
    with pytest.raises(ActlasError, match="cannot be read from the code"):
        actlas.replace(nn.Sequential(nn.ReLU()), {"relu": "meta_acon"})


# ---------------------------------------------------------------- places that stay as they are


class Unreachable(nn.Module):
    """Every way to call ReLU that cannot be replaced, each in a method of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.functions = nn.ReLU(), [F.relu]
        self.keyword = F.relu

    def passed(self, x: Tensor) -> Tensor:
        return apply(F.relu, x)

    def default(self, x: Tensor, act: Callable[[Tensor], Tensor] = F.relu) -> Tensor:
        return act(x)

    def built(self, x: Tensor) -> Tensor:
        return nn.ReLU()(x)  # type: ignore[no-any-return]

    def later(self, x: Tensor) -> Callable[[], Tensor]:
        return lambda: F.relu(x)

    def paused(self, x: Tensor) -> Any:
        yield F.relu(x)

    def own(self, x: Tensor) -> Tensor:
        return homemade(x)

    def with_keyword(self, x: Tensor) -> Tensor:
        return self.keyword(x, inplace=False)


def apply(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return function(x)


def homemade(x: Tensor) -> Tensor:
    return (x + x.abs()) / 2


REASONS = {
    "passed": "passed on there",
    "default": "default of an argument",
    "built": "ReLU is built anew",
    "later": "may run after the method has ended",
    "paused": "may run after the method has ended",
    "own": "homemade is a Python function",
    "functions.0": "stands in a list",
    "keyword": "called with further arguments",
}


def test_what_cannot_be_reached_is_told() -> None:
    model, x = Unreachable(), draw(5, 4)
    report = actlas.replace(model, {"relu": "telu"})
    assert [row.path for row in report.replaced] == ["fine"]
    found = {row.path: row.reason for row in report.refused}
    assert set(found) == set(REASONS)
    for path, reason in REASONS.items():
        assert reason in found[path], path
    for name in ("passed", "default", "built", "own", "with_keyword"):
        assert torch.equal(getattr(model, name)(x), F.relu(x)), "it stays what it was"


def test_kernels_of_recurrent_layers() -> None:
    model = nn.Sequential(nn.LSTM(3, 3), nn.Tanh())
    report = actlas.replace(model, {"tanh": "softsign"})
    assert "inside PyTorch's kernel of LSTM" in report.refused[0].reason
    with pytest.raises(ActlasError, match="inside PyTorch's kernel of RNN"):
        actlas.replace(nn.Sequential(nn.RNN(3, 3, nonlinearity="relu")), {"relu": "telu"})


def test_torchscript_is_refused(recwarn: pytest.WarningsRecorder) -> None:
    with torch.no_grad():
        part = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    with pytest.raises(ActlasError, match="replace before scripting"):
        actlas.replace(part, {"relu": "telu"})
    model = nn.Sequential(part, nn.ReLU())
    report = actlas.replace(model, {"relu": "telu"})
    assert [(row.path, row.reason) for row in report.refused] == [
        ("0.1", "it is compiled to TorchScript; replace before scripting")
    ]


def test_quantised_models_are_refused() -> None:
    quantised = type("Linear", (nn.Module,), {"__module__": "torch.ao.nn.quantized.modules.linear"})
    with pytest.raises(ActlasError, match="quantised and its tensors are integers"):
        actlas.replace(nn.Sequential(quantised(), nn.ReLU()), {"relu": "telu"})
    fused = type("ConvReLU", (nn.Sequential,), {"__module__": "torch.ao.nn.intrinsic.modules"})
    report = actlas.replace(nn.Sequential(fused(nn.ReLU()), nn.ReLU()), {"relu": "telu"})
    assert "torch.ao" in report.refused[0].reason


def test_a_patched_forward_is_told() -> None:
    """As accelerate does: the object has a forward of its own, which a subclass cannot reach."""
    model = Twice()
    model.forward = functools.partial(type(model).forward, model)  # type: ignore[method-assign]
    with pytest.raises(ActlasError, match="forward was replaced on the object itself"):
        actlas.replace(model, {"relu": "telu"})


def test_owners_that_run_their_children() -> None:
    """A new child of a list would be run as well, so a learned function has no home there."""

    class Row(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

    class Walks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.act = nn.Linear(4, 4), F.relu

        def forward(self, x: Tensor) -> Tensor:
            for child in self.children():
                x = child(x)
            return self.act(x)

    x, telu = draw(5, 4), actlas.get("telu")
    for model in (Row(nn.Linear(4, 4)), Walks()):
        with pytest.raises(ActlasError, match="cannot hold a new child"):
            actlas.replace(model, {"relu": "prelu"})
        linear = next(model.children())
        report = actlas.replace(model, {"relu": "telu"})
        assert len(list(model.children())) == 1
        torch.testing.assert_close(model(x), telu(linear(x)))
        report.undo()
        assert torch.equal(model(x), F.relu(linear(x)))


def test_attributes_of_the_class() -> None:
    class Fixed(nn.Module):
        act = staticmethod(F.relu)
        other = torch.relu

        def forward(self, x: Tensor) -> Tensor:
            return self.act(x) + self.other(x - 1)

    model, x, telu = Fixed(), draw(5, 4), actlas.get("telu")
    report = actlas.replace(model, {"relu": "telu"})
    torch.testing.assert_close(model(x), telu(x) + telu(x - 1))
    assert torch.equal(Fixed()(x), F.relu(x) + F.relu(x - 1)), "other objects are not touched"
    report.undo()
    assert torch.equal(model(x), F.relu(x) + F.relu(x - 1))


def test_hooks_are_told() -> None:
    model = nn.Sequential(nn.ReLU())
    model[0].register_forward_hook(lambda *_: None)
    row, *_ = actlas.replace(model, {"relu": "telu"}).replaced
    assert row.remark.endswith("1 hooks stay with the old module")


def test_functions_called_from_actlas_are_told() -> None:
    class Direct(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return actlas.functional.mish(x) + F.relu(x)  # type: ignore[no-any-return]

    report = actlas.replace(Direct(), {"mish": "telu", "relu": "telu"})
    assert "actlas.functional.mish is a Python function" in report.refused[0].reason


def test_code_that_changed_is_noticed() -> None:
    """A pickle meets other code than it was made with."""
    import io

    from actlas.surgery.replacement import calls

    model = Twice()
    actlas.replace(model, {"relu": "telu"})
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "sites_of", lambda cls: ())
        with pytest.raises(ActlasError, match="not what it was when its functions were replaced"):
            torch.load(file, weights_only=False)
