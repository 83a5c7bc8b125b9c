"""The manifests that are committed, read as the kubelet reads them.

That they are what the chart renders and what Kubernetes accepts is for `make manifests-check`.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import catalograph
from catalograph.app import create_app
from catalograph.errors import SettingsError
from catalograph.server.lifecycle import FINISH_S
from catalograph.settings import Settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "docker/chart"
MANIFESTS: dict[str, dict[str, Any]] = {
    one["kind"]: one
    for one in yaml.safe_load_all(
        (ROOT / "docker/kubernetes/catalograph.yaml").read_text("utf-8")
    )
}
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
ENVIRON: dict[str, str] = {one["name"]: one["value"] for one in CONTAINER["env"]}


def test_all_kinds_are_there() -> None:
    assert set(MANIFESTS) == {
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }


def test_a_gateway_starts_with_the_environment_of_the_pod(tmp_path: Path) -> None:
    """The Secret's files stand elsewhere here; without them it does not start."""
    file = tmp_path / "UPSTREAM_TOKEN"
    file.write_text("aistats_v1_k_1_secret\n", "utf-8")
    mounted = {
        name: str(file) if name.endswith("_FILE") else value
        for name, value in ENVIRON.items()
    }

    settings = Settings.from_environ(mounted)

    assert settings.upstream_token is not None
    assert (settings.host, settings.port) == (
        "0.0.0.0",  # noqa: S104 - compared
        CONTAINER["ports"][0]["containerPort"],
    )
    with pytest.raises(SettingsError):
        Settings.from_environ(ENVIRON)


def test_secrets_are_mounted_where_the_environment_looks() -> None:
    mounts = {one["name"]: one["mountPath"] for one in CONTAINER["volumeMounts"]}

    looked_for = {
        Path(value).parent for name, value in ENVIRON.items() if name.endswith("_FILE")
    }

    assert looked_for == {Path(mounts["secret"])}


def test_the_grace_period_fits_the_drain() -> None:
    drain_s = float(ENVIRON["CATALOGRAPH_DRAIN_S"])

    assert POD["terminationGracePeriodSeconds"] >= drain_s + FINISH_S + 5


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_probes_ask_routes_that_answer(probe: str) -> None:
    app = create_app(Settings(), demo=True)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://pod") as http:
        answer = await http.get(CONTAINER[probe]["httpGet"]["path"])

    assert answer.status_code == 200
    assert CONTAINER[probe]["httpGet"]["port"] == CONTAINER["ports"][0]["name"]


def test_a_pod_gets_no_traffic_before_it_stops() -> None:
    """Readiness notices within the drain, also where nothing else tells the balancer."""
    probe = CONTAINER["readinessProbe"]
    noticed_after_s = probe["periodSeconds"] * probe["failureThreshold"]

    assert noticed_after_s < float(ENVIRON["CATALOGRAPH_DRAIN_S"])


def test_a_pod_may_do_no_more_than_it_has_to() -> None:
    assert POD["enableServiceLinks"] is False
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_everything_selects_the_pods_of_the_deployment() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["Service"]["spec"]["selector"],
        MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]

    assert all(selector.items() <= labels.items() for selector in selectors)
    assert MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": MANIFESTS["Deployment"]["metadata"]["name"],
    }


def test_the_user_is_the_image_s() -> None:
    dockerfile = (ROOT / "docker/Dockerfile").read_text("utf-8")
    security = POD["securityContext"]

    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in dockerfile


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    assert chart["appVersion"] == catalograph.__version__


def test_the_schema_names_every_setting() -> None:
    """When this fails: `make schema`."""
    properties = json.loads((CHART / "values.schema.json").read_text("utf-8"))[
        "properties"
    ]
    names = {
        row.name.removeprefix("CATALOGRAPH_") for row in Settings().describe({})
    } - {"DRAIN_S", "HOST", "PORT", "TRUSTED_DOCUMENTS", "TRUSTED_DOCUMENTS_MODE"}

    assert set(properties["secret"]["properties"]["keys"]["items"]["enum"]) == names
    assert set(properties["settings"]["propertyNames"]["enum"]) == names - {
        "API_KEYS",
        "PARTITION_KEY",
        "UPSTREAM_TOKEN",
    }


def test_every_value_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))

    assert set(values) | {"global"} == set(schema["properties"])
