"""`python -m actlas.docs FOLDER` writes a card for every function, and an index."""

from __future__ import annotations

import argparse
import sys
import time

from actlas.docs import write
from actlas.errors import ActlasError


def main() -> int:
    """Write the cards; 0 if that went well, 2 with one sentence if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.docs", description=__doc__)
    parser.add_argument("folder", help="where the cards go; made if it is not there")
    folder = parser.parse_args().folder
    started = time.perf_counter()
    try:
        count = write(folder)
    except ActlasError as error:
        print(f"actlas.docs: {error}", file=sys.stderr)
        return 2
    print(f"wrote {count} files into {folder} in {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
