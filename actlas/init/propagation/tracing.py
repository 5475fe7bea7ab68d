"""A model as a graph: by torch.fx, and where that fails and an example is given, torch.export."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils import _pytree

from actlas.errors import ActlasError
from actlas.init.propagation.care import silence, untouched
from actlas.init.propagation.graph import Traced
from actlas.init.propagation.inputs import Inputs, arguments_of
from actlas.init.propagation.shapes import MisfitError, Shapes
from actlas.init.propagation.symbolic import by_fx


def trace(model: nn.Module, inputs: Inputs | None, leaves: tuple[type[nn.Module], ...]) -> Traced:
    """Return the graph of a model, which is left exactly as it was.

    Args:
        model: any module.
        inputs: an example call, or None.
        leaves: classes not to look into.

    Raises:
        ActlasError: if the model cannot be traced; the sentence gives the reason.
    """
    given = arguments_of(model, inputs)
    with silence():
        try:
            traced: Traced | Exception = by_fx(model, inputs, given, leaves)
        except MisfitError:
            raise
        except Exception as error:  # tracing runs the model's own code
            traced = error
        hidden = isinstance(traced, Exception) or bool(traced.closed)
        if inputs is not None and hidden and not leaves:
            exported = _by_export(model, inputs)
            if isinstance(exported, Traced) or isinstance(traced, Exception):
                traced = exported
    if isinstance(traced, Exception):
        raise ActlasError(_refusal(model, traced, inputs)) from None
    return traced


def _refusal(model: nn.Module, error: Exception, inputs: Inputs | None) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    help_ = "initialise its traceable parts one by one" if inputs is not None else (
        "give example_input=..., with which torch.export can trace more"
    )  # fmt: skip
    return f"the graph of {type(model).__name__} cannot be traced ({reason}); {help_}"


def _by_export(model: nn.Module, inputs: Inputs) -> Traced | Exception:
    try:
        with untouched(model):
            model.train()
            program = torch.export.export(model, inputs.args, dict(inputs.kwargs), strict=False)
    except Exception as error:  # tracing runs the model's own code
        return error
    signature, found = program.graph_signature, Shapes()
    tensors = {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
        **program.constants,
    }
    sources = (signature.inputs_to_parameters, signature.inputs_to_buffers,
               signature.inputs_to_lifted_tensor_constants)  # fmt: skip
    constants = {node: tensors[name] for source in sources for node, name in source.items()}
    for node in program.graph.nodes:
        if node.op == "get_attr":  # the body of a block under no_grad and the like
            constants[node.name] = getattr(program.graph_module, str(node.target))
        if node.op != "output" and node.name not in constants and "val" in node.meta:
            found.note(node.name, node.meta["val"])
    flat = _pytree.tree_leaves((inputs.args, dict(inputs.kwargs)))
    given = dict(zip(signature.user_inputs, flat, strict=False))
    return Traced(program.graph, dict(model.named_modules()), constants, given, found.shapes,
                  found.values)  # fmt: skip
