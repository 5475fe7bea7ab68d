"""Residual blocks as the training methods see them: modules with a `branch`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from actlas.errors import ActlasError
from actlas.training._checks import modules


class Gate(nn.Module):
    """What stands in the place of a branch and decides whether it runs.

    A state_dict has the keys of the plain network: what is saved with gates loads without, and
    the other way round.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the branch's."""
        return self.branch.state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for key in [key for key in state if key.startswith(prefix)]:
            state[f"{prefix}branch.{key.removeprefix(prefix)}"] = state.pop(key)
        super()._load_from_state_dict(state, prefix, *rest)


def residual_blocks(model: nn.Module, blocks: Iterable[nn.Module] | None = None) -> list[nn.Module]:
    """Return the residual blocks of a model, or `blocks`, after a look at their branches.

    A residual block is a module with the modules `branch` and `shortcut`.

    Raises:
        ActlasError: for a model without residual blocks, or a block without a branch or with a
            gate in its place.
    """
    given = [m for m in model.modules() if _is_residual(m)] if blocks is None else blocks
    if not given:
        raise ActlasError(f"{type(model).__name__} has no residual blocks, modules with a "
                          "`branch` and a `shortcut`; pass those that have a `branch` as "
                          "blocks=[...]")  # fmt: skip
    found = modules(given, "blocks")
    for number, block in enumerate(found):
        branch = getattr(block, "branch", None)
        if not isinstance(branch, nn.Module):
            raise ActlasError(f"block {number} ({type(block).__name__}) has no module `branch` "
                              "whose output it adds to a shortcut")  # fmt: skip
        if isinstance(branch, Gate):
            raise ActlasError(f"block {number} has a gate already: {type(branch).__name__}")
    return found


def _is_residual(module: nn.Module) -> bool:
    parts = (getattr(module, name, None) for name in ("branch", "shortcut"))
    return all(isinstance(part, nn.Module) for part in parts)


def branch_of(block: nn.Module) -> nn.Module:
    """Return the branch of a block that was looked at."""
    branch = block.branch
    assert isinstance(branch, nn.Module)
    return branch
