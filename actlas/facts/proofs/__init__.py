"""Facts proved: certificates that ball arithmetic checks, and the files that keep them.

>>> from actlas.catalogue import find
>>> from actlas.facts import facts_of
>>> certificates_of(facts_of(find("mish")).curve.root)["infimum"].proved
True
"""

from __future__ import annotations

from actlas.facts.proofs.certificate import Certificate, certificates_of, stored

__all__ = ["Certificate", "certificates_of", "stored"]
