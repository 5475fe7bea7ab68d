"""What actlas is timed beside, by name."""

from __future__ import annotations

from actlas.bench.peers import collection, formula, jax, native, onnxruntime, ours
from actlas.bench.peers._peer import Call, Peer
from actlas.bench.peers.ours import ACTLAS, COPY, path_of

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (native.PEER, formula.EAGER, formula.COMPOSITION, formula.COMPILE, jax.PEER,
                 onnxruntime.PEER, collection.PEER)
}  # fmt: skip

__all__ = ["ACTLAS", "COPY", "PEERS", "Call", "Peer", "path_of"]

del ours
