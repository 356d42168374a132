"""The settings in the manifest of a cluster."""

from __future__ import annotations

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.upgrades.cluster_manifests import manifest_of, setting_of

MANIFEST = """\
<?xml version="1.0" encoding="utf-8"?>
<ClusterManifest xmlns="http://schemas.microsoft.com/2011/01/fabric" Name="shop" Version="3">
  <NodeTypes><NodeType Name="a" /></NodeTypes>
  <FabricSettings>
    <Section Name="ClusterManager">
      <Parameter Name="EnableDefaultServicesUpgrade" Value="true" />
      <Parameter Name="Empty" Value="" />
    </Section>
    <Section Name="Management">
      <Parameter Name="ImageStoreConnectionString" Value="fabric:ImageStore" />
    </Section>
  </FabricSettings>
</ClusterManifest>
"""


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("Management", "ImageStoreConnectionString", "fabric:ImageStore"),
        ("ClusterManager", "EnableDefaultServicesUpgrade", "true"),
        ("ClusterManager", "Empty", ""),
        ("ClusterManager", "ImageStoreConnectionString", None),
        ("Naming", "MaxOperationTimeout", None),
    ],
)
@pytest.mark.parametrize("namespace", [' xmlns="http://schemas.microsoft.com/2011/01/fabric"', ""])
def test_setting_is_found_by_its_section(section: str, name: str, value: str | None, namespace: str) -> None:
    manifest = MANIFEST.replace(' xmlns="http://schemas.microsoft.com/2011/01/fabric"', namespace)
    assert setting_of(manifest, section, name) == value


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ("", "text that is not XML"),
        ("<ClusterManifest>", "text that is not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "XML with a document type definition"),
    ],
)
def test_manifest_that_is_no_plain_xml_is_unexpected(manifest: str, text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"expected ClusterManifest, got {text}"):
        setting_of(manifest, "Management", "ImageStoreConnectionString")


@pytest.mark.parametrize("answer", [{}, {"Manifest": None}, {"Manifest": ""}, {"Manifest": {}}])
def test_answer_without_manifest_is_unexpected(answer: dict[str, object]) -> None:
    with pytest.raises(UnexpectedAnswer, match="expected a manifest, got an object without Manifest"):
        manifest_of(answer)


def test_manifest_is_read() -> None:
    assert manifest_of({"Manifest": MANIFEST}) == MANIFEST
