"""`python -m actlas.export FOLDER` writes the table of functions in ONNX, export.md and .json."""

from __future__ import annotations

import argparse
import sys

from actlas.errors import ActlasError
from actlas.export.page import write


def main() -> int:
    """Write the table; 0 if that went well, 2 with one sentence if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.export", description=__doc__)
    parser.add_argument("folder", help="where export.md and export.json go")
    try:
        print("wrote", *write(parser.parse_args().folder))
    except ActlasError as error:
        print(f"actlas.export: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
