"""`python -m actlas.bench FOLDER` writes performance.md from the newest kept record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actlas.bench.page import write
from actlas.errors import ActlasError


def main() -> int:
    """Write the page; 0 if that went well, 2 with one sentence if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.bench", description=__doc__)
    parser.add_argument("folder", type=Path, help="where performance.md goes")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"),
                        help="the folder with engine-*.json")  # fmt: skip
    given = parser.parse_args()
    try:
        print("wrote", write(given.folder, given.results))
    except ActlasError as error:
        print(f"actlas.bench: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
