"""`actlas.replace` on models as people write them: every form is found, changed and put back."""

from __future__ import annotations

import copy
import functools
import io
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as models write it
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.surgery import Site
from tests.conftest import ENTRIES, over
from tests.surgery.replace_models import Block, Forms, ResNet, Twice, ViT, draw

ONE_INPUT = [entry for entry in ENTRIES if len(entry.inputs) == 1]


def paths(rows: Any) -> list[str]:
    return [row.path for row in rows]


def loaded(model: nn.Module) -> dict[str, Tensor]:
    """Return the state after a way through a file that holds tensors alone."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    found: dict[str, Tensor] = torch.load(file, weights_only=True)
    return found


# ---------------------------------------------------------------- every form, every function


def test_every_form_is_found() -> None:
    model = ResNet()
    report = actlas.replace(model, {nn.ReLU: "telu"})
    block = ["relu", "actlas_calls.relu_1", "act", "actlas_calls.relu_2", "actlas_calls.relu_3"]
    expected = ["stem.1", *(f"blocks.{i}.{name}" for i in (0, 1) for name in block)]
    assert sorted(paths(report.replaced)) == sorted([*expected, "actlas_calls.relu_1"])
    assert not report.refused
    assert paths(report.rows)[0] == "stem.1"
    assert paths(report.rows)[-1] == "actlas_calls.relu_1"
    for row in report.replaced:
        assert type(model.get_submodule(row.path)).__name__ == "TeLU", row.path


def check_values(entry: Definition) -> None:
    """The replaced model computes what the same model with the function in its text computes."""
    model, x = Forms().double(), draw(8, 3, dtype=torch.float64)
    with torch.no_grad():
        expected, before = model.by_hand(x, actlas.get(entry.name)), model(x)
        report = actlas.replace(model, {"relu": entry.name})
        assert len(report.replaced) == 3
        torch.testing.assert_close(model(x), expected, rtol=1e-9, atol=1e-9)
        report.undo()
        assert torch.equal(model(x), before)


@over(ONE_INPUT)
def test_every_function_comes_into_a_model(entry: Definition) -> None:
    check_values(entry)


@pytest.mark.parametrize("old", ["relu", "ReLU", "rectifier", nn.ReLU, F.relu, torch.relu,
                                 torch.Tensor.relu, torch.relu_, actlas.get("relu"),
                                 actlas.nn.create("relu").__class__])  # fmt: skip
def test_every_name_of_a_function_means_it(old: Any) -> None:
    assert len(actlas.replace(ResNet(), {old: "mish"}, dry_run=True).replaced) == 12


@pytest.mark.parametrize("new", ["mish", "Mish", F.mish, nn.Mish, nn.Mish(), actlas.nn.create,
                                 actlas.get("mish"), lambda site: nn.Mish()])  # fmt: skip
def test_every_way_to_name_a_new_function(new: Any) -> None:
    new = (lambda site: actlas.nn.create("mish")) if new is actlas.nn.create else new
    model, x = ResNet().eval(), draw(2, 3, 5, 5)
    actlas.replace(model, {"relu": new})
    torch.testing.assert_close(model(x), model.by_hand(x, F.mish), rtol=1e-4, atol=1e-5)


def test_a_model_without_any_function_of_its_own_class() -> None:
    """ViT style: a helper method, a method that is called directly, functions only."""
    model, x = ViT().eval(), draw(2, 3, 8, 8)
    features = model.forward_features(x)
    report = actlas.replace(model, {"gelu": "telu", "tanh": "identity"})
    assert sorted(paths(report.replaced)) == [
        "actlas_calls.tanh_1", "blocks.0.actlas_calls.gelu_1", "blocks.1.actlas_calls.gelu_1"
    ]  # fmt: skip
    assert not torch.equal(model.forward_features(x), features), "a method besides forward"
    model(x).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    report.undo()
    assert torch.equal(model.forward_features(x), features)


# ---------------------------------------------------------------- what is kept of the model


def test_checkpoints_stay_loadable() -> None:
    """Functions without parameters add no keys; those with parameters load strictly."""
    model = ResNet()
    before = model.state_dict()
    report = actlas.replace(model, {"relu": "telu"})
    assert list(model.state_dict()) == list(before)
    model.load_state_dict(before)
    report.undo()
    actlas.replace(model, {"relu": "prelu"})
    new = [key for key in model.state_dict() if key not in before]
    assert len(new) == 12
    other = ResNet()
    actlas.replace(other, {"relu": "prelu"})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    other.load_state_dict(loaded(model))
    x = draw(2, 3, 5, 5)
    assert torch.equal(other.eval()(x), model.eval()(x))


def test_undo_restores_everything() -> None:
    model, x = ResNet().eval(), draw(2, 3, 5, 5)
    before, children = model(x), [list(m._modules) for m in model.modules()]
    objects = dict(model.named_modules())
    flags = copy.copy(vars(model.blocks[0]))
    report = actlas.replace(model, {"relu": "prelu"}, rescale=True)
    report.undo()
    assert dict(model.named_modules()) == objects
    assert [list(m._modules) for m in model.modules()] == children
    assert type(model) is ResNet
    assert type(model.blocks[0]) is Block
    assert vars(model.blocks[0]) == flags
    assert torch.equal(model(x), before)


def test_later_changes_come_back_first() -> None:
    model, x = ResNet().eval(), draw(2, 3, 5, 5)
    first = actlas.replace(model, {"relu": "telu"})
    middle = model(x)
    second = actlas.replace(model, {"telu": "mish"})
    assert len(second.replaced) == 12
    with pytest.raises(ActlasError, match="was changed again since"):
        first.undo()
    torch.testing.assert_close(model(x), model.by_hand(x, F.mish), rtol=1e-4, atol=1e-5)
    second.undo()
    assert torch.equal(model(x), middle)
    first.undo()
    with pytest.raises(ActlasError, match="undone before"):
        first.undo()


def test_in_place_stays_in_place() -> None:
    """What the old function overwrote, the new one overwrites: here the program relies on it."""

    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)
            self.act = functools.partial(F.relu, inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            a, b, c, d = x + 0, x + 1, x + 2, x + 3
            self.relu(a)
            F.relu(b, inplace=True)
            c.relu_()
            F.relu(d, True)
            e = x + 4
            self.act(e)
            return torch.cat([a, b, c, d, e])

    x, f = draw(5, 3), actlas.get("telu")
    model = Overwrites()
    report = actlas.replace(model, {"relu": "telu"})
    expected = torch.cat([f(x + k) for k in range(5)])
    torch.testing.assert_close(model(x), expected)
    report.undo()
    actlas.replace(model, {"relu": "telu"}, keep_inplace=False, only="modules")
    assert not model.relu.inplace
    assert torch.equal(model(x)[:5], x)


def test_in_place_gradients_are_right() -> None:
    model, x = ResNet().train(), draw(3, 3, 4, 4)
    actlas.replace(model, {"relu": "telu"})
    found = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    other = copy.deepcopy(model)
    expected = other.by_hand(x, actlas.get("telu")).square().sum()
    for one, two in zip(
        found, torch.autograd.grad(expected, list(other.parameters())), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_mode_device_and_dtype_follow() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).to(torch.bfloat16).eval()
    actlas.replace(model, {"relu": "prelu"})
    assert model[1].weight.dtype == torch.bfloat16
    assert not model[1].training
    meta = nn.Sequential(nn.Linear(3, 3, device="meta"), nn.ReLU())
    actlas.replace(meta, {"relu": "prelu"})
    assert meta[1].weight.is_meta


# ---------------------------------------------------------------- which places


def test_every_place_has_its_own_instance() -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), act, nn.Linear(2, 2), act)
    report = actlas.replace(model, {"relu": "prelu"})
    assert model[1] is not model[3]
    report.undo()
    assert model[1] is model[3] is act
    actlas.replace(model, {"relu": "prelu"}, shared=True)
    assert model[1] is model[3]


def test_only_one_kind_of_place() -> None:
    kinds = {
        row.kind for row in actlas.replace(ResNet(), {"relu": "telu"}, only="modules").replaced
    }
    assert kinds == {"module"}
    report = actlas.replace(ResNet(), {"relu": "telu"}, only="functions")
    assert {row.kind for row in report.replaced} == {"attribute", "call"}
    assert {row.reason for row in report.kept} == {"left out by only, where, first, last or every"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [({"first": 1}, [0]), ({"last": 2}, [3, 4]), ({"every": 2}, [0, 2, 4]),
     ({"first": 1, "last": 1}, [0, 4]), ({"where": "1"}, [0]), ({"where": ["1", "9"]}, [0, 4]),
     ({"where": lambda site: int(site.path) > 4}, [2, 3, 4])],
    ids=lambda value: getattr(value.get("where"), "__name__", str(value))
    if isinstance(value, dict) else str(value),
)  # fmt: skip
def test_rules_choose_places(rule: dict[str, Any], expected: list[int]) -> None:
    layers = [layer for _ in range(5) for layer in (nn.Linear(2, 2), nn.ReLU())]
    report = actlas.replace(nn.Sequential(*layers), {"relu": "telu"}, **rule)
    assert [int(path) // 2 for path in paths(report.replaced)] == expected


def test_places_stand_in_the_order_of_the_layers() -> None:
    """By what feeds them, not by where they are registered."""

    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down, self.act = nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.down(self.act(self.up(x))))

    model = nn.Sequential(Late(), Late())
    rows = actlas.replace(model, {"relu": "telu"}, dry_run=True).rows
    assert paths(rows) == [f"{i}.{name}" for i in (0, 1) for name in ("act", "actlas_calls.relu_1")]


def test_patterns_predicates_modules_and_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.1), nn.LeakyReLU(0.2), nn.Identity())
    narrow = actlas.get("leaky_relu", negative_slope=0.2)
    assert paths(actlas.replace(model, {narrow: "telu"}, dry_run=True).replaced) == ["2"]
    assert paths(actlas.replace(model, {"*": "telu"}, dry_run=True).replaced) == ["1", "2"]
    assert paths(actlas.replace(model, {model[1]: "telu"}, dry_run=True).replaced) == ["1"]

    def second(site: Site) -> bool:
        return site.function == "leaky_relu" and site.path == "2"

    assert paths(actlas.replace(model, {second: "telu"}, dry_run=True).replaced) == ["2"]
    both = actlas.replace(model, {"leaky_relu": "telu", nn.Identity: "mish"})
    assert [row.new for row in both.replaced] == ["telu", "telu", "mish"]


def test_other_peoples_modules_are_known_by_their_values() -> None:
    class Quick(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(1.702 * x)

    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[int] = []

        def forward(self, x: Tensor) -> Tensor:
            self.calls.append(1)
            return x * torch.sigmoid(x)

    model = nn.Sequential(Quick(), nn.GELU("tanh"), nn.GELU(), Stateful())
    found = {row.path: row.old for row in actlas.replace(model, {"silu": "telu"}, dry_run=True)}
    assert found == {"0": "quick_gelu", "1": "gelu", "2": "gelu", "3": "silu"}
    assert model[3].calls == [], "a copy was asked, not the module"
    assert paths(actlas.replace(model, {"gelu_tanh": "telu"}, dry_run=True).replaced) == ["1"]
    assert paths(actlas.replace(model, {"gelu": "telu"}, dry_run=True).replaced) == ["1", "2"]


def test_a_subclass_is_no_other_function() -> None:
    """ReLU6 is a Hardtanh to Python, and another function to everybody else."""
    model = nn.Sequential(nn.ReLU6(), nn.Hardtanh())
    assert paths(actlas.replace(model, {nn.Hardtanh: "telu"}, dry_run=True).replaced) == ["1"]


def test_one_instance_for_several_calls_is_said() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.act = nn.Linear(2, 2), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.a(self.act(x)))

    row, *_ = actlas.replace(Again(), {"relu": "prelu"}).replaced
    assert "2 calls share its parameters" in row.remark


def test_a_dry_run_changes_nothing() -> None:
    model, x = ResNet().eval(), draw(2, 3, 5, 5)
    before, state = model(x), torch.get_rng_state()
    report = actlas.replace(model, {"relu": lambda site: nn.RReLU()}, dry_run=True)
    assert report.dry_run
    assert len(report.replaced) == 12
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(model(x), before)
    with pytest.raises(ActlasError, match="dry run"):
        report.undo()


def test_nothing_is_left_half_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    from actlas.surgery.replacement import changes

    model, x = ResNet().eval(), draw(2, 3, 5, 5)
    before, count = model(x), iter(range(100))
    apply = changes.Item.apply

    def failing(self: changes.Item) -> None:
        if next(count) == 7:
            raise KeyboardInterrupt
        apply(self)

    monkeypatch.setattr(changes.Item, "apply", failing)
    with pytest.raises(KeyboardInterrupt):
        actlas.replace(model, {"relu": "prelu"}, rescale=True)
    assert torch.equal(model(x), before)
    assert type(model) is ResNet
    assert not any("actlas" in type(m).__module__ for m in model.modules())


# ---------------------------------------------------------------- the fast path of PyTorch


def encoder(activation: Any) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, batch_first=True)
    return nn.TransformerEncoder(layer, 2).eval()


def check_fast_path(activation: Any) -> None:
    """In evaluation without gradients PyTorch runs a kernel that has ReLU and GELU built in."""
    model, x = encoder(activation), draw(2, 5, 8)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 3:] = True
    with torch.no_grad():
        before = model(x), model(x, src_key_padding_mask=padding)
        report = actlas.replace(model, {"relu": "identity"})
        slow = model.train()(x).detach()  # no dropout, so that training differs by nothing else
        model.eval()
        assert torch.allclose(model(x), slow, atol=1e-6)
        assert not torch.allclose(model(x), before[0], atol=1e-3)
        masked = model(x, src_key_padding_mask=padding)
        assert not torch.allclose(masked[0], before[1][0], atol=1e-3)
        assert "fast path" in report.replaced[0].remark
        report.undo()
        assert torch.equal(model(x), before[0])
        assert torch.equal(model(x, src_key_padding_mask=padding), before[1])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("activation", ["relu", F.relu, nn.ReLU()], ids=["name", "F", "module"])
def test_the_fast_path_does_not_ignore_it(activation: Any) -> None:
    check_fast_path(activation)


def test_an_encoder_trains_and_is_saved() -> None:
    model, x = encoder("gelu"), draw(2, 5, 8)
    actlas.replace(model, {nn.GELU: "swish"})
    model.train()(x).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())
    other = encoder("gelu")
    actlas.replace(other, {nn.GELU: "swish"})
    other.load_state_dict(loaded(model))


# ---------------------------------------------------------------- the report


def test_the_report_as_text_table_and_data() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh())
    report = actlas.replace(model, {"relu": "pvlu"}, warm_start=True)
    assert str(report) == (
        "1: relu -> pvlu (starts as the old one, bit for bit)\n1 replaced; 1 others kept: tanh ×1"
    )
    assert report.table().row_count == 1
    record = report.records()[0]
    assert record["path"] == "1"
    assert record["same_bits"]
    assert report.difference == 0.0
    assert [row.path for row in report] == ["1", "2"]
    assert len(report) == 2


def test_twice_replaced_is_found_by_its_new_name() -> None:
    model = Twice()
    actlas.replace(model, {"relu": "telu"})
    with pytest.raises(ActlasError, match=r"does not call relu; .* telu ×2"):
        actlas.replace(model, {"relu": "telu"})
