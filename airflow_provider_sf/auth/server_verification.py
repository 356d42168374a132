"""How a server is verified: a value. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerVerification:
    """
    How a server is verified.

    ``ca_bundle`` is PEM; empty means the public CAs. ``server_thumbprints`` are SHA-1 or SHA-256 in upper
    case hex: one of them must match, and the CA does not matter. With ``server_common_names`` the certificate
    must have one of these names instead of the host name.
    """

    ca_bundle: bytes = b""
    server_thumbprints: tuple[str, ...] = ()
    server_common_names: tuple[str, ...] = ()
    verify: bool = True


PUBLIC_CAS = ServerVerification()
"""The public CAs and the host name."""
