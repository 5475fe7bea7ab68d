"""How large networks are: counted by hand, kept with the runs, said in the report, matched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models.gpt import gpt
from actlas.study import Data, Result, Split, Task, compare, make_plan
from actlas.study.arms import make_arm
from actlas.study.folder import existing, read_result
from actlas.study.matching import matched_plan, nearest_width
from actlas.study.networks import with_network
from actlas.study.report.limits import caveats
from actlas.study.report.markdown import markdown
from actlas.study.report.size_sheet import other_sizes, size, sizes_in_words
from actlas.study.sizes import SIZES, Size, read_sizes, size_of


def sized(text: str, task: Task, data: Data) -> Size:
    arm = make_arm(text)
    return size_of(arm, with_network(task, arm.network, data, own=arm.is_network), data)


@pytest.mark.parametrize(
    ("text", "parameters", "multiply_adds"),
    [
        ("relu", 64 * 64 + 64 + 64 * 10 + 10, 64 * 64 + 64 * 10),  # the task's own, 64-64-10
        ("prelu", 64 * 64 + 64 + 64 * 10 + 10 + 1, 64 * 64 + 64 * 10),
        ("telu in mlp(hidden=(96,))", 64 * 96 + 96 + 96 * 10 + 10, 64 * 96 + 96 * 10),
        ("mlp(hidden=(7, 5))", 64 * 7 + 7 + 7 * 5 + 5 + 5 * 10 + 10, 64 * 7 + 7 * 5 + 5 * 10),
        # 5 pieces for each of 8 units
        ("maxout_mlp(hidden=(8,))", 64 * 40 + 40 + 8 * 10 + 10, 64 * 40 + 8 * 10),
        # two sets of weights
        ("pynada_mlp(hidden=(8,))", 2 * (64 * 8 + 8) + 8 * 10 + 10, 2 * 64 * 8 + 8 * 10),
    ],
)
def test_perceptrons_by_hand(
    text: str, parameters: int, multiply_adds: int, digits: Task, digits_data: Data
) -> None:
    assert sized(text, digits, digits_data) == Size(parameters, multiply_adds)


def test_a_convolution_by_hand(digits: Task, digits_data: Data) -> None:
    """Every weight is used once for each of 16 outputs; a frozen one is not trained."""

    def network(_: object) -> nn.Module:
        layer = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        assert layer.bias is not None
        layer.bias.requires_grad_(False)
        return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), layer, nn.BatchNorm2d(3), nn.Flatten())

    task = replace(digits, network=network)
    assert size_of(make_arm("relu"), task, digits_data) == Size(27 + 6, 27 * 16)


def test_attention_by_hand(digits: Task) -> None:
    """Per token 12 d² and the scores; between tokens 2 T² d: fused kernels would hide them."""
    tokens = torch.arange(24).view(3, 8) % 11
    data = Data(*[Split(tokens, tokens)] * 3)
    options = {"vocabulary": 11, "context": 8, "width": 16, "layers": 1, "heads": 2}
    task = replace(digits, transform=torch.Tensor.long, network=lambda make: gpt(make, **options))
    assert size_of(make_arm("gelu"), task, data).multiply_adds == (
        8 * (12 * 16**2 + 11 * 16) + 2 * 8**2 * 16
    )


def test_an_encoder_of_pytorch_by_hand(digits: Task) -> None:
    """Its fast path in evaluation would hide all of it."""
    inputs = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    task = replace(digits, network=lambda _: nn.Sequential(layer))
    found = size_of(make_arm("relu"), task, Data(*[Split(inputs, inputs)] * 3))
    assert found.multiply_adds == 4 * (4 * 8**2 + 2 * 8 * 16) + 2 * 4**2 * 8


def test_counting_draws_nothing(digits: Task, digits_data: Data) -> None:
    before = torch.random.get_rng_state()
    sized("maxout_mlp", digits, digits_data)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("number", "near"), [(95, True), (105, True), (94, False), (106, False)])
def test_five_percent_is_near(number: int, near: bool) -> None:
    assert Size(number, 100).matches(Size(100, 100)) is near
    assert Size(100, number).matches(Size(100, 100)) is near


def study(folder: Path, activations: str, **more: object) -> Result:
    return compare("two-moons", activations, seeds=2, budget=1, epochs=1, out=folder, workers=1,
                   **more)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """ReLU in 2-20-2, in 2-21-2 and in 2-40-2."""
    names = "relu in mlp(hidden=(21,)),relu in mlp(hidden=(40,))"
    return study(tmp_path_factory.mktemp("sizes"), names, reference="relu in mlp(hidden=(20,))")


def test_the_report_shows_every_size(finished: Result) -> None:
    sheet = size(finished.only)
    assert sheet.headings == (
        "function", "parameters", "× reference", "multiply-adds", "× reference"
    )  # fmt: skip
    assert sheet.rows == (
        ("ReLU in mlp(hidden=(20,))", "102", "1.00", "80", "1.00"),
        ("ReLU in mlp(hidden=(20,)) (A/A)", "102", "1.00", "80", "1.00"),
        ("ReLU in mlp(hidden=(21,))", "107", "1.05", "84", "1.05"),
        ("ReLU in mlp(hidden=(40,))", "202", "1.98", "160", "2.00"),
    )
    assert sheet.note.startswith(
        "Not matched to ReLU in mlp(hidden=(20,)) within 5 %: ReLU in mlp(hidden=(40,)). "
    )
    assert "functions, normalisation, pooling and embeddings are not counted" in sheet.note
    text = finished.report_path.read_text(encoding="utf-8")
    assert ">multiply-adds<" in text
    assert sheet.note.replace("'", "&#x27;") in text
    assert f"## {sheet.title}" in markdown(finished)


def test_another_size_is_among_what_cannot_be_said(finished: Result) -> None:
    sentence = (
        "ReLU in mlp(hidden=(40,)) has 1.98 × the parameters and 2.00 × the multiply-adds of ReLU "
        "in mlp(hidden=(20,)): its difference is that of function and size together."
    )
    assert other_sizes(finished.only, finished) == [sentence]
    assert caveats(finished)[0] == sentence


def test_a_size_is_said_once_for_every_task(tmp_path: Path) -> None:
    """Recipes change no size."""
    found = compare(["two-moons", "xor"], "relu in mlp(hidden=(2,))", optimizer="sgd,adamw",
                    seeds=2, budget=1, epochs=1, out=tmp_path, workers=1)  # fmt: skip
    said = [sentence for sentence in caveats(found) if "function and size together" in sentence]
    assert [sentence.partition(":")[0].rpartition(" of ")[2] for sentence in said] == [
        "ReLU on two-moons", "ReLU on xor"
    ]  # fmt: skip
    assert [set(part.sizes) for part in read_result(tmp_path).parts] == [
        {"relu", "relu (A/A)", "relu in mlp(hidden=(2,))"}
    ] * 4


def test_a_parameter_of_a_function_is_shown_and_no_matter(tmp_path: Path) -> None:
    found = study(tmp_path, "prelu")
    rows = size(found.only).rows
    assert int(rows[2][1]) == int(rows[0][1]) + 2  # one for each hidden layer
    assert rows[2][2].startswith("1.0")
    assert rows[2][2] != "1.00"
    assert sizes_in_words(found.only).startswith("All networks are matched: none differs")
    assert not other_sizes(found.only, found)


def test_equal_networks_are_said_to_be_equal(tmp_path: Path) -> None:
    found = study(tmp_path, "tanh")
    assert not size(found.only).rows
    said = sizes_in_words(found.only)
    assert said.startswith("All networks are equal: ")
    assert said in found.report_path.read_text(encoding="utf-8")
    assert said in markdown(found)


def test_a_study_of_an_earlier_version_has_no_sizes(finished: Result, tmp_path: Path) -> None:
    found = study(tmp_path, "tanh")
    with existing(tmp_path) as store:
        kept = read_sizes(store.recall(SIZES))
        assert kept == {"two-moons": found.only.sizes}
        store.remember(SIZES, "{}")
    old = read_result(tmp_path)
    assert not old.only.sizes
    assert not size(old.only).rows
    assert sizes_in_words(old.only) == ""
    assert other_sizes(old.only, old) == []


# ---------------------------------------------------------------- matched widths


@pytest.mark.parametrize(
    ("count", "wanted", "width"),
    [
        (lambda n: n, 1, 1),
        (lambda n: 10 * n, 14, 1),
        (lambda n: 10 * n, 16, 2),
        (lambda n: n * n, 1000, 32),  # 961 and 1024
        (lambda n: 3 * n + 7, 3 * 4097 + 7, 4097),
    ],
)
def test_the_nearest_width(count, wanted: int, width: int) -> None:
    assert nearest_width(count, wanted, "net") == width


@pytest.mark.parametrize("step", [2, 3, 8, 16])
def test_widths_that_cannot_be_are_passed_over(step: int) -> None:
    def count(width: int) -> int:
        if width % step:
            raise ActlasError("no such width")
        return 5 * width

    for wanted in (5 * 96, 5 * 96 + 5, 5 * 96 - 5, 5 * 1056):
        best = min(range(step, 1200, step), key=lambda width: abs(5 * width - wanted))
        assert nearest_width(count, wanted, "net") == best


def test_a_size_that_no_width_gives() -> None:
    with pytest.raises(ActlasError, match="net: no number gives a network of 4,810 parameters"):
        nearest_width(lambda width: 3, 4810, "net")
    with pytest.raises(ActlasError, match="no number gives"):
        nearest_width(lambda width: 10_000 * width, 4810, "net")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("maxout_mlp(hidden=('matched',))", "maxout_mlp(hidden=(14,))"),
        ("logic_mlp(hidden=['matched', 'matched'])", "logic_mlp(hidden=[50, 50])"),
        ("telu in mlp(hidden=('matched',), dropout=0.5)", "telu in mlp(hidden=(64,), dropout=0.5)"),
        ("leaky_relu(negative_slope=0.2) in mlp(hidden=(32, 'matched'))",
         "leaky_relu(negative_slope=0.2) in mlp(hidden=(32, 63))"),
    ],
)  # fmt: skip
def test_a_width_becomes_a_number(text: str, found: str, digits: Task, digits_data: Data) -> None:
    """No width of the same kind comes nearer to the 4,810 numbers of the task's network."""
    plan = matched_plan(make_plan({"activations": ["gelu", text]}), None)
    assert plan.activations == ("gelu", found)
    own = abs(sized(found, digits, digits_data).parameters - 4810)
    number = max(int(part) for part in found.replace("(", " ").replace(")", " ").replace(
        ",", " ").replace("[", " ").replace("]", " ").split() if part.isdigit())  # fmt: skip
    for step in (-2, 2):
        other = found.replace(str(number), str(number + step))
        assert abs(sized(other, digits, digits_data).parameters - 4810) >= own


def test_where_a_width_cannot_be_matched() -> None:
    text = "maxout_mlp(hidden=('matched',))"
    for fields, said in (
        ({"task": ["digits", "two-moons"], "activations": [text]}, "there are 2: write the numb"),
        ({"activations": ["relu"], "reference": text}, "is what others are matched to"),
        ({"activations": ["relu in mlp(hidden=(2,), dropout='matched')"]}, "no number gives"),
    ):
        with pytest.raises(ActlasError, match=said):
            matched_plan(make_plan(fields), None)
    same = make_plan({"activations": ["tanh", "maxout_mlp"]})
    assert matched_plan(same, None) is same


def test_the_frozen_plan_holds_the_number(tmp_path: Path) -> None:
    """Drop-in and matched are two arms; given again, the study goes on from what is there."""
    names = "maxout_mlp(hidden=(9,)),maxout_mlp(hidden=('matched',))"
    found = study(tmp_path, names, reference="relu in mlp(hidden=(20,))")
    dropped, matched = found.plan.activations
    assert dropped == "maxout_mlp(hidden=(9,))"
    assert "matched" not in matched
    assert found.only.sizes[matched].parameters == 104  # 15 n + 2 n + 2 at n = 6, of 102
    again = study(tmp_path, names, reference="relu in mlp(hidden=(20,))")
    assert again.changes == ()
    assert [run.spec.key for run in again.records] == [run.spec.key for run in found.records]
    assert read_result(tmp_path).plan == found.plan
