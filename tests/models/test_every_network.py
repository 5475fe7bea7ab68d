"""What every network does, whichever file it stands in: the tests run over the registry."""

from __future__ import annotations

import ast
import copy
import inspect
import io
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import Network, count_parameters, default_input, find_network, networks
from tests.support.runners import compiler

ENTRIES = tuple(networks().values())
COUNTS = [(entry, call) for entry in ENTRIES for call in entry.parameters]
_DEEP = 1_000  # layers from which a network takes seconds to put together


def over(entries: Iterable[Network] = ENTRIES) -> pytest.MarkDecorator:
    """Parametrise a test over networks; tests of one network share a worker."""
    chosen = [pytest.param(e, id=e.id, marks=pytest.mark.xdist_group(e.id)) for e in entries]
    if not chosen:
        raise ValueError("no network to test")
    return pytest.mark.parametrize("entry", chosen)


def having(option: str) -> list[Network]:
    return [entry for entry in ENTRIES if option in entry.options]


def built(entry: Network) -> nn.Module:
    """Return the default network; tests may not change it."""
    return _built(entry.id)


@cache
def _built(name: str) -> nn.Module:
    return find_network(name).build()


def example(entry: Network, batch: int = 2) -> Any:
    """Return a batch: small normal numbers, or the tokens 0 and 1."""
    x, draws = default_input(entry, batch), torch.Generator().manual_seed(0)
    if x.is_floating_point():
        return torch.randn(x.shape, generator=draws)
    return torch.randint(0, 2, x.shape, generator=draws)


def tensors(output: Any) -> list[Tensor]:
    """Return all floating tensors in what a network gives back."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    values = output.values() if isinstance(output, dict) else output
    return [tensor for value in values if value is not None for tensor in tensors(value)]


def run(network: nn.Module, x: Any) -> list[Tensor]:
    """Return the outputs, with the same random numbers every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tensors(network(x))


@over()
def test_learns_and_copies(entry: Network) -> None:
    """A copy computes the same; every parameter of it gets a finite gradient."""
    network = built(entry)
    twin = copy.deepcopy(network).train()
    outputs = run(twin, example(entry))
    assert outputs
    sum(output.square().sum() for output in outputs).backward()
    for name, parameter in twin.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(parameter.grad is None for parameter in network.parameters())
    same = copy.deepcopy(network).eval()
    x = example(entry, 1)
    with torch.no_grad():
        for one, other in zip(run(same, x), run(network.eval(), x), strict=True):
            assert torch.equal(one, other)


@over()
def test_a_checkpoint_gives_it_back(entry: Network) -> None:
    file, x = io.BytesIO(), example(entry, 1)
    torch.save(built(entry).state_dict(), file)
    file.seek(0)
    again = entry.build()
    assert again.load_state_dict(torch.load(file, weights_only=True), strict=True)
    with torch.no_grad():
        for one, other in zip(run(again.eval(), x), run(built(entry).eval(), x), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@over()
def test_runs_in_bfloat16(entry: Network) -> None:
    network, x = built(entry).eval(), example(entry, 1)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = run(network, x)
    assert all(output.isfinite().all() for output in outputs)


def _marks(entry: Network, call: str) -> list[pytest.MarkDecorator]:
    slow = options(call).get("depth", 0) > _DEEP
    return [pytest.mark.xdist_group(entry.id), *([pytest.mark.slow] if slow else [])]


def options(call: str) -> dict[str, Any]:
    """Return what stands in "depth=28, width=10"."""
    parsed = ast.parse(f"_({call})", mode="eval").body
    assert isinstance(parsed, ast.Call)
    return {str(item.arg): ast.literal_eval(item.value) for item in parsed.keywords}


def test_every_count_of_a_paper_is_a_test() -> None:
    assert len(COUNTS) >= 60


@pytest.mark.parametrize(
    ("entry", "call"),
    [pytest.param(e, call, id=f"{e.id}({call})", marks=_marks(e, call)) for e, call in COUNTS],
)
def test_parameters_are_counted(entry: Network, call: str) -> None:
    with torch.device("meta"):  # shapes alone: nothing is drawn
        assert count_parameters(entry.build(**options(call))) == entry.parameters[call]


@over()
def test_every_place_has_a_module_of_its_own(entry: Network) -> None:
    places, made = places_of(entry.build)
    assert made, "the factory was never called"
    assert places
    assert all(len(names) == 1 for names in places.values()), places


def places_of(build: Callable[..., nn.Module]) -> tuple[dict[int, list[str]], list[nn.Module]]:
    """Return the names under which each module of the factory stands in the network."""
    made: list[nn.Module] = []

    def factory() -> nn.Module:
        made.append(nn.Softsign())
        return made[-1]

    with torch.device("meta"):
        network = build(activation=factory)
    ours = set(map(id, made))
    places: dict[int, list[str]] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        if id(module) in ours:
            places.setdefault(id(module), []).append(name)
    return places, made


def test_a_shared_module_is_seen() -> None:
    def build(activation: Callable[[], nn.Module]) -> nn.Module:
        module = activation()
        return nn.Sequential(nn.Linear(2, 2), module, nn.Linear(2, 2), module)

    places, _ = places_of(build)
    assert list(places.values()) == [["1", "3"]]


@over()
def test_unknown_activations_are_refused(entry: Network) -> None:
    with pytest.raises(ActlasError, match="relu"):
        entry.build(activation="reul")
    with pytest.raises(ActlasError, match=r"class or|every place would share"):
        entry.build(activation=nn.ReLU())


@over(having("generator"))
def test_the_generator_decides_the_start(entry: Network) -> None:
    """The same generator gives the same weights, whatever PyTorch's own state is."""

    def start(seed: int, elsewhere: int) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(elsewhere)
            network = entry.build(generator=torch.Generator().manual_seed(seed))
        return [parameter.detach() for parameter in network.parameters()]

    first, same = start(1, 1), start(1, 2)
    assert all(map(torch.equal, first, same))
    assert not all(map(torch.equal, first, built(entry).parameters()))


@over(having("dropout"))
@pytest.mark.parametrize("probability", [-0.1, 1.5, "half"])
def test_impossible_dropout_is_refused(entry: Network, probability: object) -> None:
    with pytest.raises(ActlasError, match="probability"):
        entry.build(dropout=probability)


@over(entry for entry in ENTRIES if entry.takes in ("images", "features"))
def test_other_inputs_are_refused_in_a_sentence(entry: Network) -> None:
    x = example(entry)
    wrong = torch.cat((x, x), dim=1)
    with pytest.raises(ActlasError, match=r"must|got"):
        built(entry).eval()(wrong)


def sizes(entry: Network) -> list[str]:
    """Return the options that are whole numbers."""
    given = inspect.signature(entry.build).parameters.values()
    return [option.name for option in given if type(option.default) is int]


@over(entry for entry in ENTRIES if sizes(entry))
def test_impossible_sizes_are_refused(entry: Network) -> None:
    for option in sizes(entry):
        for size in (-1, 2.5):
            with torch.device("meta"), pytest.raises(ActlasError, match=r"must|needs|one of"):
                entry.build(**{option: size})


@pytest.mark.slow
@over()
def test_traces_in_one_graph(entry: Network) -> None:
    torch._dynamo.reset()  # the networks made of nn.Sequential share its code
    network, x = built(entry).eval(), example(entry)
    traced = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        for one, other in zip(run(traced, x), run(network, x), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.slow
@pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
@over(entry for entry in ENTRIES if entry.id == "mlp")
def test_compiles(entry: Network) -> None:
    network, x = entry.build(activation="telu").eval(), example(entry)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(network)(x), network(x), rtol=1e-4, atol=1e-5)
