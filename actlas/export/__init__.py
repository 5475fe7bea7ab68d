"""Floor 7: functions and models for other runtimes: ONNX, and look-up tables for integers."""

from __future__ import annotations

from actlas.export.formats import write_table
from actlas.export.model import to_onnx
from actlas.export.onnx import function_to_onnx
from actlas.export.support import support
from actlas.export.tables import lookup_table

__all__ = ["function_to_onnx", "lookup_table", "support", "to_onnx", "write_table"]
