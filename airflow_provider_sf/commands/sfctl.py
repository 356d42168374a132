"""
The cluster that ``sfctl cluster select`` has chosen.

For the file and its options see src/sfctl/config.py of microsoft/service-fabric-cli, for the variables of the
environment knack/config.py of microsoft/knack.
"""

from __future__ import annotations

from configparser import ConfigParser, Error
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECTION = "servicefabric"


def sfctl_connection(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]] | None:
    """
    Return endpoint and extra fields of the cluster that sfctl uses; None if it uses none.

    :raises ValueError: the file cannot be read, or sfctl authenticates in a way that it cannot share
    """
    values = _values(environ)
    endpoint = values.get("endpoint")
    if not endpoint:
        return None
    return endpoint, {**_credentials(values), **_verification(values)}


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the options: a variable such as SFCTL_SERVICEFABRIC_ENDPOINT replaces that of the file."""
    parser = ConfigParser()
    try:
        folder = environ.get("SFCTL_CONFIG_DIR") or Path.home() / ".sfctl"
        parser.read(Path(folder, "config"))
        values = dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}
    except (Error, OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: no home folder
        msg = f"sfctl's configuration cannot be read ({type(error).__name__}): use --endpoint"
        raise ValueError(msg) from error
    prefix = f"SFCTL_{_SECTION.upper()}_"
    return values | {
        name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix)
    }


def _credentials(values: Mapping[str, str]) -> dict[str, Any]:
    security = values.get("security", "none")
    if security == "pem":
        return {"security": "certificate", "client_certificate": values.get("pem_path")}
    if security == "cert":
        return {
            "security": "certificate",
            "client_certificate": values.get("cert_path"),
            "private_key": values.get("key_path"),
        }
    if security == "none":
        return {}
    msg = (
        f"sfctl's security {security!r} cannot be shared: set --endpoint and --security entra, or "
        "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
    )
    raise ValueError(msg)


def _verification(values: Mapping[str, str]) -> dict[str, Any]:
    if _is_true(values.get("no_verify")):
        return {"verify": False}
    return {"ca_bundle": values.get("ca_path")} if _is_true(values.get("use_ca")) else {}


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in {"1", "yes", "true", "on"}
