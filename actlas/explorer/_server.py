"""Serving the page on this machine, and to nobody else."""

from __future__ import annotations

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError

HOST = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the terminal belongs to the address and to Ctrl-C."""


def listen(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the folder on 127.0.0.1; port 0 takes a free one.

    Raises:
        ActlasError: if the port is taken or not allowed.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Quiet, directory=str(folder)))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "ports go from 0 to 65535"
        raise ActlasError(
            f"port {port} cannot be used: {why}; leave --port out for a free one"
        ) from None


def address(server: ThreadingHTTPServer) -> str:
    """Return where a server is found."""
    return f"http://{HOST}:{server.server_address[1]}/"


def serve(server: ThreadingHTTPServer, *, browse: bool = True) -> None:
    """Say where the explorer is, open it in the browser, and serve it until Ctrl-C."""
    print(f"actlas explorer: {address(server)}   (Ctrl-C ends it)", flush=True)
    if browse:
        webbrowser.open(address(server))
    server.serve_forever()
