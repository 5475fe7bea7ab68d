"""A small network with functions of actlas: to ONNX and back, and a table for an int8 runtime.

python export_model.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

import actlas
from actlas import export

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
model = nn.Sequential(
    nn.Conv2d(1, 8, 3), actlas.nn.create("telu"),
    nn.Conv2d(8, 8, 3), actlas.nn.create("gelu"),
    nn.Flatten(), nn.Linear(8 * 4 * 4, 10),
).eval()  # fmt: skip
batch = {0: torch.export.Dim("batch", min=2)}
program = export.to_onnx(
    model, (torch.randn(2, 1, 8, 8),), folder / "network.onnx", opset=20, dynamic_shapes=(batch,)
)
print("nodes:", *(node.op_type for node in program.model.graph if node.op_type != "Constant"))

x = torch.randn(5, 1, 8, 8)
session = onnxruntime.InferenceSession(folder / "network.onnx")
(found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
print(f"largest difference: {np.abs(found - model(x).detach().numpy()).max():.1e}")

table = export.lookup_table("gelu", "int8", scale_in=0.05, scale_out=0.04, zero_point_out=-124)
export.write_table(table, folder / "gelu.h")
print(f"gelu.h: largest error {table.max_error:.4f}, {table.max_error_steps:.2f} steps")
