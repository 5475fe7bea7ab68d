"""What autoinit_ found and did, as plain data and as a table."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

    from actlas.init.propagation.walk import Step


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Args:
        name: the path of the layer in the model.
        operation: what it does: a class, or the name of a function.
        weight: the parameter's name.
        mean: of what comes in, over all uses of the weight.
        variance: of what comes in.
        fan_in: weights per output unit.
        live: the share of them that meets data and not padding.
        scale: the standard deviation the weight is given; None where it is left.
        slope: d log(second moment that comes in) / d log(variance behind the layers before).
        uses: how often the weight is used.
        status: "set", or why it is left as it is.
    """

    name: str
    operation: str
    weight: str
    mean: float
    variance: float
    fan_in: int
    live: float
    scale: float | None
    slope: float
    uses: int
    status: str


@dataclass(frozen=True)
class Report:
    """The result of `autoinit_`.

    Args:
        layers: every layer with weights, in the order they run.
        steps: the moments behind every operation.
        notes: what the reader must know: corrections not made, weights not reached, advice.
        untouched: weights (two dimensions or more) that were left, each with the reason.
        mean, variance: of the model's output.
        sensitivity: d log(output's second moment) / d log(data's second moment) once the weights
            are fixed: 1 for a linear network, far above 1 where a deviation explodes.
        written: False after a dry run.
    """

    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    untouched: dict[str, str]
    mean: float
    variance: float
    sensitivity: float
    written: bool

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, texts, lists and dictionaries, ready for JSON."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value
                for key, value in plain.items()}  # fmt: skip

    def table(self) -> Table:
        """Return a rich table: one row per layer with weights."""
        from rich.table import Table

        title = "autoinit" if self.written else "autoinit (dry run)"
        table = Table(title=title, title_justify="left", caption=self._caption(),
                      caption_justify="left")  # fmt: skip
        for heading in ("layer", "operation"):
            table.add_column(heading, overflow="fold")
        for heading in ("mean in", "variance in", "fan-in", "live", "weight std", "slope"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("status", overflow="fold")
        for layer in self.layers:
            table.add_row(*_cells(layer))
        return table

    def _caption(self) -> str:
        ends = f"output: mean {self.mean:.3g}, variance {self.variance:.3g}"
        lines = [f"{ends}; sensitivity to the data's scale {self.sensitivity:.3g}", *self.notes]
        left = [f"{name}: {why}" for name, why in self.untouched.items()]
        return "\n".join([*lines, *left])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table()

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=120, color_system=None)
        console.print(self.table())
        return str(console.file.getvalue())  # type: ignore[attr-defined]


def _cells(layer: Layer) -> tuple[str, ...]:
    scale = "" if layer.scale is None else f"{layer.scale:.4g}"
    shared = f" ({layer.uses} uses)" if layer.uses > 1 else ""
    return (layer.name, layer.operation, f"{layer.mean:.3g}", f"{layer.variance:.3g}",
            str(layer.fan_in), f"{layer.live:.3f}", scale, f"{layer.slope:.3f}",
            layer.status + shared)  # fmt: skip
