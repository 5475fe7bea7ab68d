"""Networks by name: ours, and those of timm and torchvision with another activation.

They stand on this floor because the adapters need models and surgery, which share a floor below
and may not import each other.
"""

from actlas.study.networks.building import build_network
from actlas.study.networks.fitting import renamed, with_network
from actlas.study.networks.peers import peer_version

__all__ = ["build_network", "peer_version", "renamed", "with_network"]
