"""`python -m actlas.explorer costs RESULTS` keeps the costs of a benchmark beside the explorer.

RESULTS is a result of `actlas bench`, or a folder, of which the newest is taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actlas.errors import ActlasError
from actlas.explorer import costs


def main() -> int:
    """Write costs.json; 0 if that went well, 2 with one sentence if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.explorer", description=__doc__)
    parser.add_argument("what", choices=["costs"])
    parser.add_argument("results", type=Path)
    try:
        found = costs.read(parser.parse_args().results)
        place = Path(costs.__file__).with_name(costs.NAME)
        place.write_text(costs.text(found), encoding="utf-8")
    except (ActlasError, OSError) as error:
        print(f"actlas.explorer: {error}", file=sys.stderr)
        return 2
    print(f"wrote the costs of {len(found['functions'])} functions, measured {found['measured']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
