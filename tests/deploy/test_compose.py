"""The compose file: what of `.env` reaches a gateway, and that its files fit together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalograph.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
GATEWAYS = ["gateway-1", "gateway-2"]

# What to put where the example leaves the value to its reader.
FILLED_IN = {
    "CATALOGRAPH_UPSTREAM_TOKEN": "aistats_v1_k_1_secret",
    "CATALOGRAPH_API_KEYS": "0123456789abcdef0123456789abcdef",
}


def read_env(path: Path) -> dict[str, str]:
    """Lines that are in force, as compose reads them."""
    lines = path.read_text("utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if re.match(r"[A-Z]\w*=", line))
    return dict(tuple(pair) for pair in pairs)  # type: ignore[misc]


def example_lines() -> dict[str, str]:
    """Every variable of `.env.example`, those in comments too, with a value."""
    text = (ROOT / ".env.example").read_text("utf-8")
    found = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    return {name: value or FILLED_IN[name] for name, value in found}


def environ_of(service: str, dotenv: dict[str, str]) -> dict[str, str]:
    """Build the environment of a container: files in order, then the file's own lines."""
    spec = COMPOSE["services"][service]
    environ: dict[str, str] = {}
    for name in spec["env_file"]:
        environ |= dotenv if name == "../.env" else read_env(FOLDER / name)
    return environ | {name: str(value) for name, value in spec["environment"].items()}


@pytest.mark.parametrize("service", GATEWAYS)
@pytest.mark.parametrize("name", example_lines())
def test_every_line_of_the_example_reaches_a_gateway(name: str, service: str) -> None:
    value = example_lines()[name]

    environ = environ_of(service, {name: value})

    assert environ[name] == value
    field = name.removeprefix("CATALOGRAPH_").lower()
    alone = Settings.from_environ({name: value})
    assert getattr(Settings.from_environ(environ), field) == getattr(alone, field)


@pytest.mark.parametrize("service", GATEWAYS)
def test_all_lines_of_the_example_together_are_valid(service: str) -> None:
    settings = Settings.from_environ(environ_of(service, example_lines()))

    assert settings.host == "0.0.0.0"  # noqa: S104 - compared
    assert settings.api_keys


@pytest.mark.parametrize("service", GATEWAYS)
def test_without_further_lines_gateways_share_the_valkey_of_the_file(
    service: str,
) -> None:
    settings = Settings.from_environ(environ_of(service, {}))

    assert settings.cache_url.reveal() == "redis://valkey:6379/0"
    assert "valkey" in COMPOSE["services"]


def test_nothing_is_read_from_elsewhere() -> None:
    """A `$` would be filled in from another place than the gateways' own `.env`."""
    assert "$" not in (FOLDER / "compose.yaml").read_text("utf-8")


def test_every_file_that_is_mounted_exists_under_that_name() -> None:
    mounted = [
        volume.split(":")
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]

    assert len(mounted) == 6
    assert [source for source, *_ in mounted if not (FOLDER / source).is_file()] == []
    assert all(options == ["ro"] for _, _, *options in mounted)


def test_prometheus_finds_its_rules_beside_its_settings() -> None:
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    targets = {
        volume.split(":")[1]
        for volume in COMPOSE["services"]["prometheus"]["volumes"]
        if volume.startswith(".")
    }

    for name in settings["rule_files"]:
        assert (FOLDER / name).is_file()
        assert f"/etc/prometheus/{name}" in targets


def test_prometheus_asks_every_gateway_by_itself() -> None:
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    (job,) = settings["scrape_configs"]

    assert job["static_configs"] == [{"targets": [f"{one}:8000" for one in GATEWAYS]}]


def test_grafana_shows_the_dashboard_of_that_prometheus() -> None:
    grafana = COMPOSE["services"]["grafana"]
    source = yaml.safe_load((FOLDER / "grafana-datasource.yml").read_text("utf-8"))
    provider = yaml.safe_load((FOLDER / "grafana-provider.yml").read_text("utf-8"))
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text("utf-8"))
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    variable = dashboard["templating"]["list"][0]

    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert variable["query"] == source["datasources"][0]["type"]
    assert home in {volume.split(":")[1] for volume in grafana["volumes"]}
    assert Path(home).parent == Path(provider["providers"][0]["options"]["path"])


def test_only_the_profile_observe_starts_prometheus_and_grafana() -> None:
    always = [
        name for name, spec in COMPOSE["services"].items() if "profiles" not in spec
    ]

    assert always == [*GATEWAYS, "valkey", "proxy"]


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [
        port for spec in COMPOSE["services"].values() for port in spec.get("ports", ())
    ]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
