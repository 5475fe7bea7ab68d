"""`python -m actlas` is the same as `actlas`."""

from __future__ import annotations

from actlas.cli import main

if __name__ == "__main__":
    main()
