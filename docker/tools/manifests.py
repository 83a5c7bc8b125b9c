"""Generates files around the Helm chart: the schema of its values, and plain manifests.

    python docker/tools/manifests.py [--check]             names of settings in the schema
    python docker/tools/manifests.py --tools BIN [--check] also docker/kubernetes/

BIN is the folder of helm and kubeconform; `make manifests` builds both from the Go module
beside this file. The chart is linted, rendered with each file of `docker/chart/ci/`, and
validated against the Kubernetes schemas beside this file. With `--check`, nothing is written;
the result is compared with the committed files. Neither a cluster nor a network is needed.
"""

import argparse
import difflib
import json
import subprocess
from pathlib import Path
from typing import Final

from catalograph.settings import PREFIX, Settings

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "docker/chart"
VALUES_SCHEMA: Final = CHART / "values.schema.json"
MANIFEST: Final = ROOT / "docker/kubernetes/catalograph.yaml"
SCHEMAS: Final = Path(__file__).with_name("schemas")

_KUBERNETES: Final = "1.37.0"  # as in schemas.py
_BY_CHART: Final = {  # settings that the chart derives from values of its own
    "DRAIN_S",
    "HOST",
    "PORT",
    "TRUSTED_DOCUMENTS",
    "TRUSTED_DOCUMENTS_MODE",
}
_SECRETS: Final = {"API_KEYS", "PARTITION_KEY", "UPSTREAM_TOKEN"}

_HEAD: Final = """\
# The chart of docker/chart with its default values, for those who do without Helm.
# Written by `make manifests`; change the chart, not this file. First:
#
#   kubectl create secret generic catalograph --from-literal=UPSTREAM_TOKEN=…
#   kubectl apply --filename docker/kubernetes/catalograph.yaml
"""


def main() -> None:
    """Write the files, or with `--check` fail if any is out of date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tools", type=Path, metavar="BIN")
    given = parser.parse_args()
    is_current = _settle(VALUES_SCHEMA, build_values_schema(), is_check=given.check)
    if given.tools is not None:
        manifest = _HEAD + _render_and_validate(given.tools)
        is_current &= _settle(MANIFEST, manifest, is_check=given.check)
    if not is_current:
        raise SystemExit(1)


def _render_and_validate(tools: Path) -> str:
    """Validate the chart with all sets of values; return the manifest of the defaults."""
    helm, kubeconform = tools / "helm", tools / "kubeconform"
    _run(helm, "lint", "--strict", str(CHART))
    for values in sorted((CHART / "ci").glob("*.yaml")):
        _validate(kubeconform, _render(helm, values), values.name)
    rendered = _render(helm, None)
    _validate(kubeconform, rendered, "default values")
    return rendered


def build_values_schema() -> str:
    """Put the names of all settings into the schema of the chart's values."""
    schema = json.loads(VALUES_SCHEMA.read_text("utf-8"))
    names = {row.name.removeprefix(PREFIX) for row in Settings().describe({})}
    properties = schema["properties"]
    properties["settings"]["propertyNames"]["enum"] = sorted(
        names - _BY_CHART - _SECRETS
    )
    properties["secret"]["properties"]["keys"]["items"]["enum"] = sorted(
        names - _BY_CHART
    )
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _render(helm: Path, values: Path | None) -> str:
    chosen = [] if values is None else ["--values", str(values)]
    arguments = ["template", "catalograph", str(CHART), *chosen]
    return _run(helm, *arguments, "--kube-version", _KUBERNETES)


def _validate(kubeconform: Path, rendered: str, name: str) -> None:
    place = f"{SCHEMAS}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    arguments = ["-strict", "-summary", "-schema-location", place]
    print(f"{name}: {_run(kubeconform, *arguments, given=rendered).strip()}")


def _settle(path: Path, text: str, *, is_check: bool) -> bool:
    """Write the text to a file, or compare it; return whether the file is now correct."""
    old = path.read_text("utf-8") if path.is_file() else ""
    if not is_check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return True
    name = str(path.relative_to(ROOT))
    diff = difflib.unified_diff(
        old.splitlines(), text.splitlines(), name, "as it should be", lineterm="", n=1
    )
    if lines := list(diff):
        print("\n".join(lines[:40]))
        print(f"{name} is out of date; `make schema manifests` writes it anew")
    return not lines


def _run(program: Path, *arguments: str, given: str = "") -> str:
    done = subprocess.run(  # noqa: S603
        [program, *arguments], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(
            f"{program.name} {arguments[0]} failed:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


if __name__ == "__main__":
    main()
