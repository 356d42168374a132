"""What the manifest of an application package says about its type."""

from __future__ import annotations

import pytest

from airflow_provider_sf.releases.manifests import manifest_hash, read_type_version

NAMESPACE = "http://schemas.microsoft.com/2011/01/fabric"


def manifest(attributes: str, root: str = "ApplicationManifest") -> bytes:
    return f'<{root} xmlns="{NAMESPACE}" {attributes}/>'.encode()


def test_manifest_names_type_and_version() -> None:
    attributes = 'ApplicationTypeName="ShopType" ApplicationTypeVersion="2.0"'
    text = b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>" + manifest(attributes)
    assert read_type_version(text) == ("ShopType", "2.0")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no XML", "text that is not XML: syntax error"),
        (b"<!DOCTYPE x><x/>", "document type definition"),
        ("<!DOCTYPE x><x/>".encode("utf-16"), "document type definition"),
        (b"<?xml version='1.0' encoding='x'?><x/>", "text that is not XML: unknown encoding"),
        (b" " * (16 * 1024 * 1024 + 1), "more than 16 MiB"),
        (
            manifest("", root="ServiceManifest"),
            "expected ApplicationManifest, got XML with the root 'ServiceManifest'",
        ),
        (manifest('ApplicationTypeVersion="2.0"'), "ApplicationTypeName"),
        (manifest('ApplicationTypeName="ShopType"'), "ApplicationTypeVersion"),
        (manifest('ApplicationTypeName="a:b" ApplicationTypeVersion="2.0"'), "no colon"),
    ],
)
def test_invalid_manifest_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_type_version(content)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ('<ApplicationManifest xmlns="x" c="2" b="1"><d>t</d></ApplicationManifest>', True),
        (
            '\ufeff<ApplicationManifest b="1" c="2" xmlns="x">\n  <!-- a comment --><d> t </d>\n</ApplicationManifest>',
            True,
        ),
        (
            "<?xml version='1.0' encoding='utf-16'?><ApplicationManifest xmlns='x' b='1' c='2'><d>t</d></ApplicationManifest>",
            True,
        ),
        ('<n:ApplicationManifest xmlns:n="x" b="1" c="2"><n:d>t</n:d></n:ApplicationManifest>', True),
        ('<ApplicationManifest xmlns="x" b="1" c="3"><d>t</d></ApplicationManifest>', False),
        ('<ApplicationManifest xmlns="x" b="1" c="2"><d>u</d></ApplicationManifest>', False),
        ("<!DOCTYPE a><ApplicationManifest/>", False),
        ("no XML", False),
        ("<ServiceManifest/>", False),
    ],
)
def test_manifests_are_compared_as_xml(other: str, *, expected: bool) -> None:
    first = manifest_hash(b'<ApplicationManifest xmlns="x" b="1" c="2"><d>t</d></ApplicationManifest>')
    assert first is not None
    assert (manifest_hash(other) == first) is expected
