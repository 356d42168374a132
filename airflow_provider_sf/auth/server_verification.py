"""By what a server is recognised: a value. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerVerification:
    """
    By what a server is recognised.

    ``ca_bundle`` is PEM, empty for the public CAs; ``server_thumbprints`` are SHA-1 or SHA-256 in upper-case
    hex, any of which will do, whoever has issued the certificate; of ``server_common_names`` the certificate
    must have one, instead of the name that is dialled.
    """

    ca_bundle: bytes = b""
    server_thumbprints: tuple[str, ...] = ()
    server_common_names: tuple[str, ...] = ()
    verify: bool = True


PUBLIC = ServerVerification()
"""By the public CAs, and the name that is dialled."""
