"""`actlas export NAME`: a function for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from actlas.export._formula import Subject

Name = Annotated[
    str, typer.Argument(help='Id, alias or title, also with parameters: "elu(alpha=2)".')
]
Settings = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter; repeatable."),
]
Onnx = Annotated[Path | None, typer.Option("--onnx", metavar="FILE", help="Write an ONNX model.")]
Opset = Annotated[int, typer.Option(help="With --onnx: the operator set, 18 to 24.")]
Dtype = Annotated[str, typer.Option(help="With --onnx: float32, float16 or bfloat16.")]
Int8 = Annotated[bool, typer.Option("--int8", help="Make a table of 256 entries.")]
UInt8 = Annotated[bool, typer.Option("--uint8", help="Make a table of 256 entries.")]
Int16 = Annotated[bool, typer.Option("--int16", help="Make a table of 65,536 entries.")]
UInt16 = Annotated[bool, typer.Option("--uint16", help="Make a table of 65,536 entries.")]
Float16 = Annotated[bool, typer.Option("--float16", help="Make a table over all bit patterns.")]
BFloat16 = Annotated[bool, typer.Option("--bfloat16", help="Make a table over all bit patterns.")]
ScaleIn = Annotated[float | None, typer.Option(help="What one step of the input stands for.")]
ZeroIn = Annotated[int, typer.Option("--zero-point-in", help="The input that stands for 0.")]
ScaleOut = Annotated[float | None, typer.Option(help="The same of the output; else it is chosen.")]
ZeroOut = Annotated[
    int | None, typer.Option("--zero-point-out", help="The output that stands for 0.")
]
Form = Annotated[
    str | None, typer.Option("--format", metavar="c|json|npy", help="How a table is written.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Where a table goes; else it is printed.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def command(
    name: Name,
    parameter: Settings = None,
    onnx: Onnx = None,
    opset: Opset = 20,
    dtype: Dtype = "float32",
    int8: Int8 = False,
    uint8: UInt8 = False,
    int16: Int16 = False,
    uint16: UInt16 = False,
    float16: Float16 = False,
    bfloat16: BFloat16 = False,
    scale_in: ScaleIn = None,
    zero_point_in: ZeroIn = 0,
    scale_out: ScaleOut = None,
    zero_point_out: ZeroOut = None,
    form: Form = None,
    output: Output = None,
    force: Force = False,
) -> None:
    """Write a function as an ONNX model, or as a look-up table for quantised inference.

    `actlas export gelu --onnx gelu.onnx` and
    `actlas export gelu --int8 --scale-in 0.05 -o gelu.h` are typical.
    """
    from actlas.errors import ActlasError

    flags = {"int8": int8, "uint8": uint8, "int16": int16, "uint16": uint16,
             "float16": float16, "bfloat16": bfloat16}  # fmt: skip
    tables = [kind for kind, wanted in flags.items() if wanted]
    if len(tables) + (onnx is not None) != 1:
        known = ", ".join(f"--{kind}" for kind in flags)
        raise ActlasError(f"say one thing to make: --onnx FILE, or a table with one of {known}")
    subject = _subject(name, parameter)
    if onnx is not None:
        _write_onnx(subject, onnx, opset, dtype, force)
        return
    scales = {"scale_in": scale_in, "zero_point_in": zero_point_in, "scale_out": scale_out,
              "zero_point_out": zero_point_out}  # fmt: skip
    _write_table(subject, tables[0], scales, form, output, force)


def _subject(name: str, settings: list[str] | None) -> Subject:
    from actlas.cli._subject import find_subject
    from actlas.nn.structured import Unit

    found = find_subject(name, settings or ())
    return found.id if isinstance(found, Unit) else found


def _write_onnx(subject: Subject, path: Path, opset: int, dtype: str, force: bool) -> None:
    from actlas.cli._output import writable
    from actlas.export import function_to_onnx

    target = writable(path, force, ("onnx",))
    model = function_to_onnx(subject, target, opset=opset, dtype=dtype)
    operators = [node.op_type for node in model.graph.node if node.op_type != "Constant"]
    typer.echo(f"wrote {path}: {' '.join(operators)}, opset {opset}")


def _write_table(
    subject: Subject,
    dtype: str,
    scales: dict[str, Any],
    form: str | None,
    output: Path | None,
    force: bool,
) -> None:
    from actlas.cli._output import writable
    from actlas.errors import ActlasError
    from actlas.export import lookup_table, write_table
    from actlas.export.formats import SUFFIXES, as_text, check_form

    suffixes = tuple(suffix[1:] for suffix in SUFFIXES.values())
    target = None if output is None else writable(output, force, suffixes)
    form = check_form(form, target)
    if target is None and form == "npy":
        raise ActlasError("an array cannot be printed; give -o FILE.npy")
    table = lookup_table(subject, dtype, **scales)
    if target is None:
        typer.echo(as_text(table, form), nl=False)
        return
    write_table(table, target, form)
    error = f"{table.max_error:.3g} ({table.max_error_steps:.3g} steps of the output)"
    typer.echo(f"wrote {target}: {len(table.entries)} entries, largest error {error}")
