"""The documentation of metrics, limits and logs agrees with the code."""

import re
from itertools import chain
from pathlib import Path

from catalograph.observability.metrics import REGISTRY
from catalograph.observability.request_metrics import REQUESTS
from catalograph.server.worker_metrics import Presence
from catalograph.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operating.md").read_text("utf-8")
SOURCES = [path.read_text("utf-8") for path in (ROOT / "src/catalograph").rglob("*.py")]


def test_every_metric_is_documented_with_its_labels() -> None:
    assert REQUESTS is not None  # registered when it is imported
    REQUESTS.count_operation("Documented", "ok")
    REQUESTS.count_request(200, 0.1, 1)
    REQUESTS.count_look_up("miss")
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(
            r"^\| `(catalograph_\w+)` \|([^|]*)\|", TEXT, re.MULTILINE
        )
    }

    counted = {}
    for family in chain(REGISTRY.collect(), Presence({0: True}).collect()):
        if family.name.startswith("catalograph_"):
            suffix = "_total" if family.type == "counter" else ""
            labels = {label for sample in family.samples for label in sample.labels}
            counted[family.name + suffix] = labels - {"le"}

    assert documented.keys() == counted.keys()
    for name, labels in counted.items():
        # A counter with labels has no samples before it has counted.
        assert labels <= documented[name], name


def test_every_rule_that_refuses_is_documented() -> None:
    (listed,) = re.findall(
        r"`catalograph_requests_refused_total` \|[^|]*\|(.*)\|", TEXT
    )
    documented = set(re.findall(r"`(\w+)`", listed))
    rules = {
        rule
        for source in SOURCES
        for rule in re.findall(r'REFUSED\.labels\("(\w+)"\)', source)
    }
    limits = {
        limit.replace(" ", "_")
        for source in SOURCES
        for limit in re.findall(r'(?:self\._check|LimitError)\(\s*"([\w ]+)"', source)
    }

    assert rules
    assert limits
    assert documented == rules | limits


def test_defaults_of_limits_are_the_real_ones() -> None:
    defaults = {row.name: row.default for row in Settings().describe({})}
    documented = dict(
        re.findall(r"^\| `(CATALOGRAPH_\w+)` \| ([\w.]+) \|", TEXT, re.MULTILINE)
    )

    assert len(documented) >= 13
    for name, default in documented.items():
        if default not in {"off", "open", "none"}:
            assert default == defaults[name], name
        else:
            assert defaults[name] == "", name


def test_every_limit_is_explained() -> None:
    limits = {
        row.name
        for row in Settings().describe({})
        if row.name.startswith("CATALOGRAPH_MAX_")
    }

    assert limits <= set(re.findall(r"CATALOGRAPH_\w+", TEXT))
