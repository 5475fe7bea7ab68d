"""Memory plans: the gradient each gives, what each keeps in real blocks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import actlas
from actlas.catalogue import Definition
from actlas.facts import facts_of
from actlas.facts.branches import branches
from actlas.kernels.cpu.runtime import engine
from actlas.kernels.plans import check_legal, pack, saving, unpack
from tests.conftest import ENTRIES, over

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]


def branching(entry: Definition) -> bool:
    try:
        branches(facts_of(entry), entry.name)
    except actlas.ActlasError:
        return False
    return True


def served(entry: Definition) -> bool:
    try:
        check_legal(entry, "output", {})
    except actlas.ActlasError:
        return False
    return True


def points() -> torch.Tensor:
    places = [0.0, -0.0, 1e-3, -1e-3, 50.0, -50.0, 1000.0, -1000.0]
    return torch.cat([torch.linspace(-12, 12, 4001), torch.tensor(places)])


def gradient(function: Callable[[torch.Tensor], torch.Tensor], plan: str) -> torch.Tensor:
    x = points().requires_grad_()
    with saving(plan):
        y = function(x)
    return torch.autograd.grad(y.sum(), x)[0]


@over(ONE)
def test_from_the_output(entry: Definition) -> None:
    """f' within 2e-3 (and 1e-3 of its size) of the exact one, or a refusal with the reason."""
    function = getattr(actlas.functional, entry.name)
    exact = gradient(function, "input")
    if not served(entry):
        with pytest.raises(actlas.ActlasError, match="save='input'"):
            gradient(function, "output")
        return
    found = gradient(function, "output")
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=2e-3)


@over(ONE)
def test_few_bits(entry: Definition) -> None:
    """Sixteen levels: the mean error of f' is small beside its spread under N(0, 1)."""
    function = getattr(actlas.functional, entry.name)
    x = torch.randn(20000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    exact = torch.autograd.grad(function(x).sum(), x)[0]
    with saving("few-bit"):
        found = torch.autograd.grad(function(x).sum(), x)[0]
    spread = exact.std() + 1e-3
    if spread < 5:  # a wave of thirty radians has more turns than levels
        assert (found - exact).square().mean().sqrt() < 0.25 * spread + 0.02


def kept_bytes(block: nn.Module, x: torch.Tensor) -> int:
    """Return the bytes that autograd keeps, each storage counted once, weights left out."""
    storages: dict[int, int] = {}
    weights = {p.untyped_storage().data_ptr() for p in block.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = block(x)
    assert y.requires_grad
    return sum(storages.values())


BLOCKS = {
    "linear": lambda act: (nn.Sequential(nn.Linear(64, 256), act, nn.Linear(256, 64)),
                           torch.randn(512, 64)),
    "conv": lambda act: (nn.Sequential(nn.Conv2d(8, 32, 3), nn.BatchNorm2d(32), act,
                                       nn.Conv2d(32, 8, 3)), torch.randn(4, 8, 32, 32)),
}  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
@over([entry for entry in ONE if not any(p.learnable for p in entry.parameters.values())])
def test_a_block_keeps_what_relu_keeps(entry: Definition, block: str) -> None:
    """Linear-act-Linear and Conv-BN-act: at most 1.05 times ReLU's bytes."""
    if not served(entry):
        pytest.skip("refused, with the reason")
    kept = kept_bytes(*BLOCKS[block](actlas.nn.create(entry.name, save="output")))
    assert kept <= 1.05 * kept_bytes(*BLOCKS[block](nn.ReLU()))


def test_every_function_of_one_or_two_branches_is_served_or_named() -> None:
    """The few whose f' is not smooth in the output are counted here, so that none slips in."""
    refused = [entry.name for entry in filter(branching, ONE) if not served(entry)]
    assert len(refused) <= 9, refused


def test_module_argument_context_and_default() -> None:
    x = points().requires_grad_()
    module = actlas.nn.create("mish", save="output")
    assert "save='output'" in repr(module)
    assert type(module(x).grad_fn).__name__ == "FromOutputBackward"
    exact = "SavedBackward" if engine().active else "QuickBackward"
    assert type(actlas.nn.Mish()(x).grad_fn).__name__ == exact
    with actlas.saving("few-bit"):
        assert type(actlas.nn.Mish()(x).grad_fn).__name__ == "FewBitBackward"
        assert type(module(x).grad_fn).__name__ == "FromOutputBackward"
    actlas.set_saving("output")
    try:
        assert type(actlas.nn.Mish()(x).grad_fn).__name__ == "FromOutputBackward"
    finally:
        actlas.set_saving("input")


def test_illegal_plans_are_refused_with_the_reason() -> None:
    with pytest.raises(actlas.ActlasError, match="the plans are"):
        actlas.nn.create("mish", save="outputs")
    with pytest.raises(actlas.ActlasError, match="more than two monotone branches"):
        actlas.nn.create("sine", save="output")
    with pytest.raises(actlas.ActlasError, match="learnable parameters need the input"):
        actlas.nn.create("swish", save="output")(points().requires_grad_())
    with saving("output"), pytest.raises(actlas.ActlasError, match="float64"):
        actlas.functional.mish(points().double().requires_grad_())


def test_a_changed_output_is_noticed() -> None:
    """The plan keeps the output itself, so writing into it must not go unseen."""
    x = points().requires_grad_()
    with saving("output"):
        y = actlas.functional.mish(x)
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_packing(bits: int) -> None:
    for size in (0, 1, 7, 8, 9, 100):
        values = torch.randint(0, 2**bits, (size,), generator=torch.Generator().manual_seed(size))
        assert unpack(pack(values, bits), values.shape, bits).tolist() == values.tolist()


@pytest.mark.slow
def test_training_ends_at_the_same_accuracy() -> None:
    """A small CNN on the embedded digits with each plan, three seeds: within the seeds' spread."""
    from actlas.study import find_task

    data = find_task("digits").data(None).train
    x, labels = data.inputs.float().reshape(-1, 1, 8, 8), data.targets
    scores = {plan: [accuracy(plan, seed, x, labels) for seed in range(3)]
              for plan in ("input", "output", "few-bit")}  # fmt: skip
    spread = max(scores["input"]) - min(scores["input"]) + 0.02
    for plan in ("output", "few-bit"):
        assert abs(sum(scores[plan]) - sum(scores["input"])) / 3 <= spread, scores


def accuracy(plan: str, seed: int, x: torch.Tensor, labels: torch.Tensor) -> float:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    act = lambda: actlas.nn.create("mish", save=plan)  # noqa: E731
    net = nn.Sequential(nn.Conv2d(1, 8, 3), act(), nn.Conv2d(8, 16, 3), act(), nn.Flatten(),
                        nn.Linear(256, 10))  # fmt: skip
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    half = len(x) * 4 // 5
    for _ in range(60):
        batch = torch.randint(0, half, (128,), generator=generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
        optimiser.step()
    with torch.no_grad():
        return float((net(x[half:]).argmax(1) == labels[half:]).float().mean())
