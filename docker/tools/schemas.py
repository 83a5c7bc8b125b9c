"""Writes `schemas/`: JSON schemas of the Kubernetes kinds that the chart renders.

    python docker/tools/schemas.py

kubeconform reads these files instead of downloading schemas. They come from two Go modules:
the OpenAPI document of Kubernetes, and the ServiceMonitor of the Prometheus operator. They
contain only the definitions that the kinds need, without descriptions, and are strict: an
unknown field is an error. Needs Go and its module proxy. Run it only to move to another
version of Kubernetes.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

_KUBERNETES: Final = "k8s.io/kubernetes@v1.37.0"
_OPERATOR: Final = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

_KINDS: Final = {
    "deployment-apps-v1": "io.k8s.api.apps.v1.Deployment",
    "horizontalpodautoscaler-autoscaling-v2": (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"
    ),
    "networkpolicy-networking-v1": "io.k8s.api.networking.v1.NetworkPolicy",
    "poddisruptionbudget-policy-v1": "io.k8s.api.policy.v1.PodDisruptionBudget",
    "service-v1": "io.k8s.api.core.v1.Service",
}
_SERVICE_MONITOR: Final = "servicemonitor-monitoring-v1"
_PREFIX: Final = "#/definitions/"
# Kubernetes accepts text as well as numbers for these, although its document says otherwise.
_INT_OR_STRING: Final = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
}

Schema = dict[str, Any]


def main() -> None:
    """Write one file for each kind."""
    target = Path(__file__).with_name("schemas")
    target.mkdir(exist_ok=True)
    swagger = _download(_KUBERNETES) / "api/openapi-spec/swagger.json"
    definitions = json.loads(swagger.read_text("utf-8"))["definitions"]
    for name, kind in _KINDS.items():
        _write(target / f"{name}.json", _gather(kind, definitions))
    crd = _download(_OPERATOR) / (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
    )
    versions = yaml.safe_load(crd.read_text("utf-8"))["spec"]["versions"]
    schema = versions[0]["schema"]["openAPIV3Schema"]
    _write(target / f"{_SERVICE_MONITOR}.json", _tighten(schema))


def _download(module: str) -> Path:
    said = subprocess.run(  # noqa: S603
        ["go", "mod", "download", "-json", module],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(said.stdout)["Dir"])


def _gather(kind: str, definitions: dict[str, Schema]) -> Schema:
    """Collect one kind with every definition that it refers to."""
    found: dict[str, Schema] = {}
    waiting = [kind]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name in _INT_OR_STRING:
            found[name] = {"type": ["integer", "number", "string"]}
            continue
        found[name] = _tighten(definitions[name])
        waiting += _find_references(found[name])
    return {"$ref": _PREFIX + kind, "definitions": dict(sorted(found.items()))}


def _find_references(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _find_references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix(_PREFIX)] if "$ref" in node else []
    return own + [name for item in node.values() for name in _find_references(item)]


def _tighten(schema: Schema) -> Schema:
    """Remove descriptions, and forbid fields that the schema does not name."""
    tight: Schema = {}
    for key, value in schema.items():
        if key in {"description", "format"} or key.startswith("x-"):
            continue
        if key == "properties":
            tight[key] = {name: _tighten(one) for name, one in value.items()}
        elif isinstance(value, dict):
            tight[key] = _tighten(value)
        elif isinstance(value, list):
            tight[key] = [
                _tighten(one) if isinstance(one, dict) else one for one in value
            ]
        else:
            tight[key] = value
    if schema.get("x-kubernetes-int-or-string"):
        tight.pop("type", None)
    if "properties" in tight:
        tight.setdefault("additionalProperties", False)
    return tight


def _write(path: Path, schema: Schema) -> None:
    path.write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
