"""Where a cluster finds the package of an application type: typed values. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sf.releases.value_checks import check_choice, check_word
from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from urllib.parse import SplitResult

CLEANUP_POLICIES = ("Default", "Automatic", "Manual")


@dataclass(frozen=True, slots=True)
class ImageStorePackage:
    """
    A package folder that was uploaded to the image store.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-provisionapplicationtypedescription

    :raises ValueError: the path is not relative, leaves its folder, or the policy is unknown
    """

    path: str
    cleanup_policy: str = "Automatic"
    """
    Whether Service Fabric deletes the folder after it has provisioned the type: Automatic does, Manual does
    not, Default does what the settings of the cluster say.
    """

    def __post_init__(self) -> None:
        """Check the values."""
        check_choice("cleanup_policy", self.cleanup_policy, CLEANUP_POLICIES)
        path: object = self.path
        parts = path.split("/") if isinstance(path, str) else [""]
        if any(part in {"", ".", ".."} or "\\" in part or not part.isprintable() for part in parts):
            msg = f"path must be a relative path such as 'shop/2.0', not {shorten_repr(path)}"
            raise ValueError(msg)

    def body(self) -> dict[str, Any]:
        """Return the body. Kind is first, because the gateway reads the other members by it."""
        return {
            "Kind": "ImageStorePath",
            "Async": True,
            "ApplicationTypeBuildPath": self.path,
            "ApplicationPackageCleanupPolicy": self.cleanup_policy,
        }


@dataclass(frozen=True, slots=True)
class ExternalPackage:
    """
    A package file that the cluster downloads. The query of its address may be a secret: ``repr`` hides it.

    See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-externalstoreprovisionapplicationtypedescription

    :raises ValueError: the address is not http or https, its path does not end in ``.sfpkg``, or name or
        version is invalid
    """

    download_uri: str
    type_name: str
    type_version: str
    """Name and version must be those of the application manifest in the package."""

    def __post_init__(self) -> None:
        """Check the values. No message shows the query."""
        check_word("type_name", self.type_name)
        check_word("type_version", self.type_version)
        parts = _split(self.download_uri)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "download_uri must be an http or https address such as 'https://host/shop.sfpkg'"
            raise ValueError(msg)
        if not parts.path.lower().endswith(".sfpkg"):
            shown = shorten_repr(self.shown_uri)
            msg = f"the path of download_uri must end in '.sfpkg', which Service Fabric demands, not {shown}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        return f"ExternalPackage({self.shown_uri!r}, {self.type_name!r}, {self.type_version!r})"

    @property
    def shown_uri(self) -> str:
        """The address without its query, user, password and fragment, which may be secrets."""
        parts = urlsplit(self.download_uri)
        query = "?..." if parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{query}"

    def body(self) -> dict[str, Any]:
        """Return the body. Kind is first, because the gateway reads the other members by it."""
        return {
            "Kind": "ExternalStore",
            "Async": True,
            "ApplicationPackageDownloadUri": self.download_uri,
            "ApplicationTypeName": self.type_name,
            "ApplicationTypeVersion": self.type_version,
        }


def _split(uri: object) -> SplitResult | None:
    """Return the parts of an address; None if it is invalid. The error of the parser would show it."""
    if not isinstance(uri, str) or not uri.isprintable() or " " in uri:
        return None
    try:
        return urlsplit(uri)
    except ValueError:
        return None
