"""The manifests of application packages: generated ones, and those that were uploaded. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "http://schemas.microsoft.com/2011/01/fabric"

_CLUSTER = """\
<ClusterManifest xmlns="{namespace}" Name="Simulated" Version="1">
  <FabricSettings>
    <Section Name="ClusterManager">
      <Parameter Name="EnableDefaultServicesUpgrade" Value="{setting}" />
    </Section>
    <Section Name="Management">
      <Parameter Name="ImageStoreConnectionString" Value="fabric:ImageStore" />
    </Section>
  </FabricSettings>
</ClusterManifest>
"""

_APPLICATION = """\
<ApplicationManifest xmlns="{namespace}" ApplicationTypeName="{name}" ApplicationTypeVersion="{version}">
  <Parameters>
{parameters}
  </Parameters>
{imports}
  <DefaultServices>
    <Service Name="web">
      <StatelessService ServiceTypeName="WebType" InstanceCount="[Web_InstanceCount]">
        <SingletonPartition />
      </StatelessService>
    </Service>
  </DefaultServices>
</ApplicationManifest>
"""
_PARAMETER = '    <Parameter Name="{name}" DefaultValue="{value}" />'
_IMPORT = """\
  <ServiceManifestImport>
    <ServiceManifestRef ServiceManifestName="{name}" ServiceManifestVersion="{version}" />
  </ServiceManifestImport>"""
_SERVICE = """\
<ServiceManifest xmlns="{namespace}" Name="{name}" Version="{version}">
  <ServiceTypes>
    <StatelessServiceType ServiceTypeName="{type}" />
  </ServiceTypes>
  <CodePackage Name="Code" Version="{code}">
    <EntryPoint>
      <ExeHost>
        <Program>{program}</Program>
      </ExeHost>
    </EntryPoint>
  </CodePackage>
  <ConfigPackage Name="Config" Version="{version}" />
</ServiceManifest>
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its type, its version, the defaults of its parameters, and its manifests."""

    type_name: str
    version: str
    parameters: Mapping[str, str]
    manifest: str = field(repr=False)
    service_manifests: Mapping[str, str] = field(repr=False)


def cluster_manifest(*, updates_default_services: bool) -> str:
    """Return the manifest of the cluster."""
    return _CLUSTER.format(namespace=NAMESPACE, setting=str(updates_default_services).lower())


def generated_package(name: str, version: str) -> Package:
    """
    Return the package of a version that was not uploaded.

    ``Web_InstanceCount`` is a parameter of its default service ``web``; the others are not.
    """
    parameters = {"Web_InstanceCount": "-1", "Web_LogLevel": "Info"}
    if version != "v0":
        parameters["Api_InstanceCount"] = "1"
    services = {"WebPkg": ("WebType", version), "ApiPkg": ("ApiType", "1.0")}
    application = _APPLICATION.format(
        namespace=NAMESPACE,
        name=name,
        version=version,
        parameters="\n".join(_PARAMETER.format(name=key, value=value) for key, value in parameters.items()),
        imports="\n".join(_IMPORT.format(name=service, version=version) for service in services),
    )
    manifests = {
        service: _SERVICE.format(
            namespace=NAMESPACE, name=service, version=version, type=kind, code=code, program=f"{service}.exe"
        )
        for service, (kind, code) in services.items()
    }
    return Package(name, version, parameters, application, manifests)


def uploaded_package(files: Mapping[str, bytes]) -> Package | None:
    """Return the package in a folder, from its files by their path; None if its manifest is invalid."""
    try:
        text = files["ApplicationManifest.xml"].decode("utf-8-sig")
        root = ET.fromstring(text)  # noqa: S314 - a simulator on loopback
        name, version = root.attrib["ApplicationTypeName"], root.attrib["ApplicationTypeVersion"]
        parameters = {
            item.attrib["Name"]: item.attrib["DefaultValue"]
            for item in root.iterfind("{*}Parameters/{*}Parameter")
        }
        services = dict(_service_manifest(path, data) for path, data in files.items() if _is_service(path))
    except (KeyError, UnicodeDecodeError, ET.ParseError):
        return None
    return Package(name, version, parameters, text, services)


def default_services(package: Package, parameters: Mapping[str, str]) -> dict[str, object]:
    """Return the default services of an application with these parameters: their descriptions, by name."""
    values = {**package.parameters, **parameters}
    services = ET.fromstring(package.manifest).iterfind("{*}DefaultServices/*")  # noqa: S314 - as above
    return {service.get("Name", ""): _described(service, values) for service in services}


def _described(element: ET.Element, values: Mapping[str, str]) -> tuple[object, ...]:
    """Return an element as a value that can be compared. ``[Name]`` stands for the value of a parameter."""

    def value_of(text: str) -> str:
        is_reference = text.startswith("[") and text.endswith("]")
        return values.get(text[1:-1], text) if is_reference else text

    attributes = {key: value_of(text) for key, text in element.items()}
    text = value_of((element.text or "").strip())
    return element.tag, attributes, text, [_described(inner, values) for inner in element]


def _is_service(path: str) -> bool:
    return path.count("/") == 1 and path.endswith("/ServiceManifest.xml")


def _service_manifest(path: str, data: bytes) -> tuple[str, str]:
    text = data.decode("utf-8-sig")
    root = ET.fromstring(text)  # noqa: S314 - a simulator on loopback
    return root.attrib.get("Name", path.partition("/")[0]), text
