"""Networks as arms: what they are called, how they start, and that their runs are kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models import networks
from actlas.nn.structured import find_unit
from actlas.study import Data, Result, Task, compare, make_plan, read_plan, run_plan
from actlas.study.arms import Arm, make_arm, make_arms, need_different, split_activations
from actlas.study.experiment import code_of, networks_of
from actlas.study.folder import existing, progress_of, read_result
from actlas.study.networks import renamed, with_network
from actlas.study.report.details import entries
from actlas.study.report.functions import functions
from actlas.study.report.limits import caveats
from actlas.study.training import Phase, RunSpec, train
from actlas.study.training.trainer import begun

NAMED = ("relu", "relu in mlp(hidden=(12,))", "telu in mlp(hidden=(6,))", "maxout_mlp(hidden=(8,))")


def study(folder: Path, activations: str = ", ".join(NAMED), reference: str = "relu") -> Result:
    return compare("two-moons", activations, seeds=2, budget=1, epochs=1, out=folder, workers=1,
                   reference=reference)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A study of two functions in two networks, and of a network by itself."""
    return study(tmp_path_factory.mktemp("arms"))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "label", "title", "network"),
    [
        ("ReLU in MLP(hidden = (96, ))", "relu in mlp(hidden=(96,))", "ReLU in mlp(hidden=(96,))",
         "mlp(hidden=(96,))"),
        ("leaky_relu(negative_slope=0.2) in vgg", "leaky_relu(negative_slope=0.2) in vgg",
         "LeakyReLU(negative_slope=0.2) in vgg", "vgg"),
        ("gelu in timm:resnet18", "gelu in timm:resnet18", "GELU in timm:resnet18",
         "timm:resnet18"),
        ("maxout_mlp(hidden=(32,))", "maxout_mlp(hidden=(32,))", "Maxout MLP(hidden=(32,))",
         "maxout_mlp(hidden=(32,))"),
        ("ail_mlp", "logic_mlp", "Logical MLP", "logic_mlp"),
        ("relu", "relu", "ReLU", None),
    ],
)  # fmt: skip
def test_labels_and_titles_name_the_network(
    text: str, label: str, title: str, network: str | None
) -> None:
    arm = make_arm(text)
    assert (arm.label, arm.title, arm.network) == (label, title, network)
    assert arm.is_network == (arm.name == "")
    assert make_arm(arm.label) == arm
    assert make_arm(text, twin=True) == replace(arm, label=f"{label} (A/A)", twin=True)


def test_a_list_keeps_networks_whole() -> None:
    assert split_activations(", ".join(NAMED)) == NAMED


@pytest.mark.parametrize("entry", networks().values(), ids=lambda entry: entry.id)
def test_every_network_is_an_arm_and_takes_a_function(entry) -> None:
    """Each of them has functions of its own by default, and an option for another."""
    assert make_arm(entry.id).is_network
    assert make_arm(f"telu in {entry.id}").name == "telu"
    assert entry.build().train()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("maxuot_mlp", "no activation and no network called 'maxuot_mlp'. Did you mean 'maxout_m"),
        ("leaky_rleu", "no activation and no network called 'leaky_rleu'. Did you mean 'leaky_re"),
        ("rleu in mlp", "no activation called 'rleu'. Did you mean .*'relu'"),
        ("mlp in vgg", "there is no activation called 'mlp'."),
        ("relu in vgq", "no network is called 'vgq'; .* Did you mean 'vgg'"),
        ("relu in mlp(hiden=(3,))", "mlp has no option 'hiden'; .* Did you mean 'hidden'"),
        ("maxout_mlp(activation='relu')", "maxout_mlp has no option 'activation'"),
        ("maxout_mlp(32)", "cannot read the activation"),
        ("relu in mlp(32)", "cannot read the network"),
        ("relu in ", "no network is called ''"),
        ("timm:resnet18", "no functions of its own here; name one, as in relu in timm:resnet18"),
        ("jax:resnet", "networks of other libraries are timm:NAME"),
        ("relu in jax:resnet", "networks of other libraries are timm:NAME"),
    ],
)
def test_what_is_unknown_is_said_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ActlasError, match=said) as caught:
        make_arm(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("maxout", "name a network that is made of it: maxout_cnn$"),
        ("frelu", "name a network that is made of it: frelu_resnet$"),
        ("meta_acon in resnet", "name a network that is made of it: meta_acon_resnet$"),
        ("and_ail", "name a network that is made of it: logic_cnn, logic_mlp$"),
        ("swiglu", "`actlas models` lists the networks that can be named in its place$"),
    ],
)
def test_a_structured_unit_is_found_in_networks(text: str, found: str) -> None:
    before = torch.random.get_rng_state()
    with pytest.raises(ActlasError, match=f"is a structured unit, not .* number; {found}"):
        make_arm(text)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["relu in mlp", "ReLU in MLP"], "'relu in mlp' is given twice$"),
        (["relu in mlp", "relu in mlp(hidden=[300, 100])"], "given twice, as 'relu in mlp'"),
        (["maxout_mlp", "maxout_mlp(pieces=5)"], "given twice, as 'maxout_mlp'"),
        (["gelu in timm:vit", "gelu in timm:vit"], "given twice"),
    ],
)
def test_the_same_arm_by_another_name(names: list[str], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        make_arms(names, "tanh")


def test_arms_differ_in_function_or_network() -> None:
    named = ["relu in mlp", "relu in mlp(hidden=(9,))", "tanh in mlp", "mlp", "relu", "maxout_mlp"]
    reference, twin, *others = make_arms(named, "relu in mlp(hidden=(300, 100))")
    assert [arm.label for arm in others] == named[1:]  # the first is the reference
    assert (twin.network, twin.twin) == (reference.network, True)
    with pytest.raises(ActlasError, match="'relu' is given twice, as 'relu in mlp"):
        need_different([reference, *others], "mlp")


def test_a_study_file_names_networks(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f"activations = {list(NAMED)}\nreference = 'relu in mlp'\n", encoding="utf-8")
    plan = read_plan(path)
    assert plan.activations == NAMED
    assert [arm.network for arm in make_arms(plan.activations, plan.reference)][:2] == ["mlp"] * 2


def test_a_command_has_no_networks(tmp_path: Path) -> None:
    given = {"command": "true {activation} {seed}", "metric": "x", "learning_rates": [1.0],
             "practical_difference": 1.0, "seeds": 2}  # fmt: skip
    for text in ("telu in mlp", "maxout_mlp", "maxout_mlp(hidden=('matched',))"):
        with pytest.raises(
            ActlasError, match="a command has a network of its own; name functions alone"
        ):
            run_plan(make_plan({**given, "activations": [text]}), tmp_path, workers=1)


def test_what_does_not_fit_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    for text in ("telu in wide_resnet", "frelu_resnet", "telu in mlp(classes=7)"):
        with pytest.raises(ActlasError, match=r"and the task two-moons gives|does not fit"):
            study(tmp_path, text)
    assert not list(tmp_path.iterdir())


def test_an_arm_in_the_network_of_the_study_is_none_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ActlasError, match="'relu in mlp' is given twice, as 'relu'"):
        compare("two-moons", "relu,relu in mlp", network="mlp(hidden=(300, 100))", out=tmp_path,
                reference="tanh")  # fmt: skip


def test_the_version_of_a_library_is_part_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actlas.study.networks.peers.version", lambda library: "9.9")
    plan = make_plan({})
    ours = networks_of(make_arms(["relu in mlp", "maxout_mlp"], "relu"), plan)
    assert ours == [None, "mlp", "maxout_mlp"]
    assert code_of(plan, None, ours) == code_of(plan, None)
    assert code_of(plan, None, [None, "timm:resnet18"]) != code_of(plan, None)


# ---------------------------------------------------------------- runs


def spec_of(make_spec: Callable[..., RunSpec], text: str, **changes: object) -> RunSpec:
    arm = make_arm(text)
    return replace(make_spec(arm.name, epochs=1, **changes), **arm.brings)


def fitted(text: str, digits: Task, data: Data) -> Task:
    arm = make_arm(text)
    return with_network(digits, arm.network, data, own=arm.is_network, check=True)


def test_a_network_by_itself_keeps_its_functions_and_start_weights(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    """U(-0.005, 0.005) is the rule of the maxout scripts, far from 1/sqrt(fan-in)."""
    text = "maxout_mlp(hidden=(8,))"
    spec = spec_of(make_spec, text, initialisation="xavier", start_bias=0.3)
    assert (spec.activation, spec.initialisation, spec.start_bias) == ("", "framework", 0.0)
    first, same = (begun(spec, fitted(text, digits, digits_data), digits_data) for _ in range(2))
    unit = find_unit("maxout_linear")
    assert unit is not None
    assert any(isinstance(module, unit.cls) for module in first.model.network.modules())
    assert not any(isinstance(module, nn.ReLU) for module in first.model.network.modules())
    weights = [p for p in first.model.network.parameters() if p.ndim > 1]
    assert all(0.004 < p.abs().max() <= 0.005 for p in weights)
    assert all(map(torch.equal, weights, [p for p in same.model.weights() if p.ndim > 1]))
    other = begun(replace(spec, seed=1), fitted(text, digits, digits_data), digits_data)
    assert not torch.equal(weights[0], next(other.model.network.parameters()))
    assert first.gain == 1.0


def test_a_learned_number_of_a_network_is_noted_and_not_decayed(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    text = "pynada_mlp(hidden=(6,), learnable=True)"
    spec, task = spec_of(make_spec, text), fitted(text, digits, digits_data)
    run = begun(spec, task, digits_data)
    assert list(run.model.shape_parameters()) == ["0.alpha"]
    assert len(run.model.weights()) == len(list(run.model.network.parameters())) - 1
    record = train(spec, task, digits_data)
    assert list(record.learned) == ["0.alpha"]
    assert record == replace(train(spec, task, digits_data), seconds=record.seconds,
                             step_seconds=record.step_seconds)  # fmt: skip


def test_a_function_in_a_network_follows_the_plan(finished: Result) -> None:
    by_label = finished.outcome.confirmations
    found = {label: records[0].spec for label, records in by_label.items()}
    assert list(found) == ["relu", "relu (A/A)", *NAMED[1:]]
    assert [spec.network for spec in found.values()] == [
        None, None, "mlp(hidden=(12,))", "mlp(hidden=(6,))", "maxout_mlp(hidden=(8,))"
    ]  # fmt: skip
    assert [spec.initialisation for spec in found.values()] == ["own gain"] * 4 + ["framework"]
    assert [spec.subject for spec in found.values()][1:] == ["relu", *NAMED[1:]]
    assert len({spec.key for spec in found.values()}) == len(found)


def test_its_runs_are_those_of_a_study_with_that_network(finished: Result, tmp_path: Path) -> None:
    """The same function, network and seed are the same run, however they were named."""
    other = compare("two-moons", "relu,telu", network="mlp(hidden=(12,))", seeds=2, budget=1,
                    epochs=1, out=tmp_path, workers=1)  # fmt: skip
    mine, theirs = (
        {record.spec.key: record.test for record in result.outcome.confirmations[label]}
        for result, label in ((finished, NAMED[1]), (other, "relu"))
    )
    assert mine == pytest.approx(theirs)


@pytest.mark.parametrize("text", [*NAMED[1:3], "pynada_mlp(hidden=(6,), learnable=True)"])
def test_runs_as_one_model_are_those_one_by_one(text: str, tmp_path: Path) -> None:
    given = {"task": "two-moons", "activations": [text], "seeds": 2, "budget": 1, "epochs": 2}
    alone, together = (
        run_plan(make_plan(given), tmp_path / way, workers=1, batched=way)
        for way in ("never", "always")
    )
    label = alone.arms[2].label
    one, other = (found.outcome.confirmations[label] for found in (alone, together))
    assert {run.together for run in other} == {2}
    for mine, theirs in zip(one, other, strict=True):
        assert mine.loss_curve == pytest.approx(theirs.loss_curve, rel=1e-4)
        assert list(mine.learned) == list(theirs.learned)


def test_a_reference_with_a_network_has_a_twin_in_it(tmp_path: Path) -> None:
    found = study(tmp_path, "relu,mlp(hidden=(5,))", "relu in mlp(hidden=(5,))")
    labels = ["relu in mlp(hidden=(5,))", "relu in mlp(hidden=(5,)) (A/A)", "relu",
              "mlp(hidden=(5,))"]  # fmt: skip
    assert [arm.label for arm in found.arms] == labels
    for label in labels[:2]:
        assert {run.spec.network for run in found.outcome.confirmations[label]} == {
            "mlp(hidden=(5,))"
        }
    one, twin = (found.outcome.confirmations[label] for label in labels[:2])
    assert [run.loss_curve for run in one] != [run.loss_curve for run in twin]


def test_a_network_can_be_the_reference(tmp_path: Path) -> None:
    found = study(tmp_path, "maxout_mlp(hidden=(4,))", "pynada_mlp(hidden=(4,))")
    assert [run.spec.activation for run in found.records] == [""] * len(found.records)
    text = functions(found)
    assert "PyNADA MLP(hidden=(4,)): a network with functions of its own, Georgescu" in text
    assert "<svg" not in text


# ---------------------------------------------------------------- store and report


def test_nothing_is_trained_twice(finished: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished.report_path.parent
    monkeypatch.setattr("actlas.study.units.train", lambda *_: pytest.fail("trained"))
    again = study(folder)
    assert [run.test for run in again.records] == [run.test for run in finished.records]
    with existing(folder) as store:
        counts = progress_of(store)
    assert {phase: (count.finished, count.planned) for phase, count in counts.items()} == {
        Phase.TUNING: (10, 10), Phase.CONFIRMATION: (10, 10)
    }  # fmt: skip
    stored = read_result(folder)
    assert stored.headline == finished.headline
    assert stored.only.sizes == finished.only.sizes
    assert stored.only.task.title == finished.only.task.title


def test_the_report_says_what_networks_there_were(finished: Result) -> None:
    told = entries(finished)
    assert told["network"] == (
        "mlp(hidden=(12,)), mlp(hidden=(6,)) and maxout_mlp(hidden=(8,)), as named with the "
        "function; else the task's own"
    )
    assert told["start weights"].endswith(
        "; Maxout MLP(hidden=(8,)): as the network itself draws them, by the rule of its paper"
    )
    assert told["pairing"].endswith("and the same start numbers in one network")
    said = " ".join(caveats(finished))
    assert "One network for each function, one optimiser" in said
    assert "networks with functions of their own from weights of their own rule" in said
    assert "The learning rates and epochs are the task's, made for its own network." in said
    text = finished.report_path.read_text(encoding="utf-8")
    assert "Maxout MLP(hidden=(8,)): a network with functions of its own, Goodfellow" in text


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ((None,), "noise (MLP)"), (("vgg",), "noise, vgg"), (("vgg", "vgg"), "noise, vgg"),
        (("vgg", "mlp"), "noise"), ((None, "vgg"), "noise"),
    ],
)  # fmt: skip
def test_a_title_names_a_network_that_all_have(
    given: tuple[str | None, ...], title: str, digits: Task
) -> None:
    named = replace(digits, title="noise (MLP)", subject="noise", network_limits=("One layer.",))
    found = renamed(named, *given)
    assert found.title == title
    assert ("One layer." in found.network_limits) == (None in given)


def test_a_network_has_no_kept_bytes(finished: Result) -> None:
    from actlas.study.costs import costs

    kept = {cost.arm.label: cost.kept for cost in costs(finished.only)}
    assert kept == {"relu": 0.0, "relu (A/A)": 0.0, NAMED[1]: 0.0, NAMED[2]: 4.0, NAMED[3]: None}


def test_an_arm_says_what_it_brings() -> None:
    brought: dict[str, Arm] = {text: make_arm(text) for text in ("relu", "relu in mlp", "mlp")}
    assert [arm.brings for arm in brought.values()] == [
        {}, {"network": "mlp"},
        {"network": "mlp", "initialisation": "framework", "start_bias": 0.0},
    ]  # fmt: skip
