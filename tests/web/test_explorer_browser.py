"""The explorer in a real browser, on the demo gateway, every other host blocked.

`explorer/test/browser.mjs` does what a person does, one scene a visit, and reports; what
must be true is said here. Set `EXPLORER_SHOTS` to a folder to get screenshots.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalograph.demo.service import DEMO_TOKEN
from catalograph.web.graphiql import Explorer

_EXPLORER = Path(__file__).parents[2] / "explorer"
_CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_FIRST_VISIT_BYTES = 400_000  # compressed, with headers; measured: 253 kB in 6 requests

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not Path(_CHROMIUM).is_file(), reason="Chromium is not installed"
    ),
    pytest.mark.skipif(
        not (_EXPLORER / "node_modules/axe-core").is_dir(),
        reason="axe-core is not installed: npm ci in explorer/",
    ),
    pytest.mark.skipif(not Explorer().is_built, reason="the explorer is not built"),
]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start demo gateways with settings; all are stopped after the last test."""
    folder = tmp_path_factory.mktemp("gateways")
    processes: list[subprocess.Popen[bytes]] = []

    def start(**settings: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CATALOGRAPH_")
        }
        log = folder / f"{port}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "catalograph", "serve", "--demo"],
                env={
                    **inherited,
                    "CATALOGRAPH_HOST": "127.0.0.1",
                    "CATALOGRAPH_PORT": str(port),
                    "CATALOGRAPH_DRAIN_S": "0",
                    **{
                        f"CATALOGRAPH_{name}": value for name, value in settings.items()
                    },
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        # Connecting is tried again, with growing pauses, until the server listens.
        with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
            try:
                client.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            except httpx.HTTPError:
                pytest.fail(f"the gateway did not start:\n{log.read_text()}")
        return f"http://127.0.0.1:{port}/graphql"

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def demo(serve: Callable[..., str]) -> str:
    """A demo gateway with all that the graph can show: its address."""
    return serve(UPSTREAM_VERSION="2026-08")


def _visit(scene: str, url: str, **environment: str) -> dict[str, Any]:
    """Let the browser act; what it saw."""
    done = subprocess.run(  # noqa: S603
        ["node", "test/browser.mjs", scene, url, os.environ.get("EXPLORER_SHOTS", "")],  # noqa: S607
        cwd=_EXPLORER,
        env={**os.environ, "CHROMIUM": _CHROMIUM, **environment},
        capture_output=True,
        text=True,
        timeout=400,  # many times what an idle machine takes
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report.pop("problems") == []
    assert report.pop("outside") == []
    return report


@pytest.fixture(scope="module")
def stranger(demo: str) -> dict[str, Any]:
    """What a first visit saw, with every example run."""
    return _visit("stranger", demo)


def test_a_new_user_sees_what_this_is(stranger: dict[str, Any]) -> None:
    assert stranger["start"].startswith("Data Demo: the catalogue that comes with")
    assert "read just now" in stranger["start"]
    assert stranger["links"] == ["Documentation of every field", "schema.graphql"]
    assert stranger["schemaStatus"] == 200
    assert "Press Run, or Ctrl+Enter" in stranger["empty"]
    assert stranger["ranByItself"] == 0
    assert stranger["firstVisit"]["bytes"] <= _FIRST_VISIT_BYTES


def test_a_new_user_completes_a_query_and_finds_it_again(
    stranger: dict[str, Any],
) -> None:
    assert stranger["written"] == "query Completed { catalogue { totalModels } }"
    shown = json.loads(stranger["shown"])
    assert shown["data"]["catalogue"]["totalModels"] > 100
    assert [*shown, *shown["data"]] == ["data", "catalogue"]
    assert stranger["tabsAfterReload"] == [*stranger["examples"], "Completed"]
    details = stranger["details"]
    assert details["Status"] == "200 OK"
    assert details["Cost"].endswith(" of 30,000")
    assert details["Data"].startswith("fresh until ")
    assert details["Upstream requests"] == "0"


def test_every_example_has_an_answer_worth_seeing(stranger: dict[str, Any]) -> None:
    examples = stranger["examples"]

    assert {
        name: (answer["errors"], answer["table"]) for name, answer in examples.items()
    } == dict.fromkeys(examples, ([], True))
    lists = {name: _longest_list(answer["data"]) for name, answer in examples.items()}
    lists.pop("CompareThree")
    prices = examples["Prices"]["data"]["models"]["nodes"]
    assert len([model for model in prices if model["inputPrice"]]) > 10
    cheapest = examples["Cheapest"]["data"]["model"]
    assert cheapest["cheapestOffering"]["cost"]["currency"] == "USD"
    assert len([one for one in cheapest["offerings"] if one["cost"]]) > 1
    [first, *_] = for_task = examples["CheapestForTask"]["data"]["models"]["nodes"]
    assert first["cheapestOffering"]["cost"]["currency"] == "USD"
    assert {model["maxInputTokens"] >= 200_000 for model in for_task} == {True}
    assert {name: length for name, length in lists.items() if length < 2} == {}
    assert all(examples["CompareThree"]["data"].values())
    assert stranger["compared"] == {
        "columns": ["field", "modelId", "name"],
        "fields": ["a", "b", "c"],
    }
    assert stranger["tabShown"] is True
    assert examples["FilteredList"]["data"]["models"]["unknownFilterValues"] == [
        {"field": "organisations", "value": "antropic", "suggestion": "anthropic"}
    ]


def _longest_list(data: object) -> int:
    """Members of the longest list anywhere in an answer."""
    if isinstance(data, dict):
        return max((_longest_list(inner) for inner in data.values()), default=0)
    if isinstance(data, list):
        return max([len(data), *(_longest_list(inner) for inner in data)])
    return 0


@pytest.fixture(scope="module")
def links(demo: str) -> dict[str, Any]:
    """What making links and opening them gave."""
    return _visit("links", demo)


def test_link_opens_the_query_and_holds_no_secret(
    demo: str, links: dict[str, Any]
) -> None:
    report = links

    query = (
        "query A { __typename }\nquery B($n: Int) { models(first: $n) { totalCount } }"
    )
    assert report["link"].startswith(f"{demo}?query=query+A+")
    assert report["link"].endswith("&variables=%7B%22n%22%3A1%7D&operationName=B")
    for copied in (report["link"], report["curl"]):
        assert "secret-token" not in copied
    assert report["curl"].startswith(f"curl '{demo}' \\\n  -H 'Content-Type: ")
    assert report["sentHeaders"] == "1"
    opened = report["opened"]
    assert (opened["query"], opened["variables"]) == (query, '{ "n": 1 }')
    assert opened["ran"] == [{"operationName": "B", "variables": {"n": 1}}]
    assert opened["data"]["data"]["models"]["totalCount"] > 100
    assert report["foreign"] == {"query": query, "ran": 0}
    assert "too long for a link" in report["long"]


def test_copied_curl_command_works(links: dict[str, Any]) -> None:
    """As a shell reads it, quotes and line ends in the query included."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = links["curl"].replace("Authorization: …", "X-Other: 1")

    done = subprocess.run(  # noqa: S603
        ["sh", "-c", f"{command} --silent"],  # noqa: S607
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert json.loads(done.stdout)["data"]["models"]["totalCount"] > 100


def test_answer_comes_with_its_details(demo: str) -> None:
    report = _visit("answers", demo)

    assert report["first"]["Cost"].endswith(" of 30,000")
    assert report["traced"]["Upstream requests"] == "0"
    assert report["trace"].startswith("Where the answer came from index from memory")
    assert {"Cost", "Upstream requests"}.isdisjoint(report["plain"])
    assert report["headers"] == [["1", "1"], ["1", "1"], ["", ""]]
    assert report["remark"].startswith(
        "Nothing is called “openai/gpt5”; did you mean openai/gpt-5 or "
    )
    assert report["stale"].startswith("stale, of ")
    assert "2025" in report["stale"]
    status, shown = report["proxy"]
    assert status == "502 Bad Gateway"
    assert "502 Bad Gateway: the answer is not JSON" in shown
    odd = report["odd"]
    assert odd["failed"][:2] == ["200 OK, with 1 error", "not told"]
    assert [odd[name][2] for name in ("text", "list")] == ['"nothing"', "[ 1 ]"]
    assert report["rowHeight"] < 100
    assert report["oddTrace"] == "GET /models?provider=%E0%A4 200, ok, 1.0 ms"

    assert report["columns"] == ["name", "price", "note", "tags", "by.name"]
    assert report["sorted"] == {
        "asIs": ["10", "9.5", "-2"],
        "up": ["-2", "9.5", "10"],
        "aria": "price\n↑",
        "down": ["10", "9.5", "-2"],
    }
    assert report["csv"] == {
        "name": "models.csv",
        "text": "\ufeffname,price,note,tags,by.name\r\n"
        '"\'=HYPERLINK(""http://evil"")",10,,"a, b","x, y"\r\n'
        '+1,9.5,"two\nlines",,\r\n'
        "'@SUM(A1),-2,'-x,'=a,' =b\r\n",
    }
    assert report["json"]["name"] == "models.json"
    rows = json.loads(report["json"]["text"])["data"]["list"]["rows"]
    assert [row["price"] for row in rows] == ["10", "9.5", "-2"]


def test_panels_teach_and_write(demo: str) -> None:
    report = _visit("panels", demo)

    assert report["shortcut"] == "Ctrl+K"
    assert report["asked"][:2] == ["models", "model"]
    assert report["description"].startswith("A catalogue of AI models: their makers")
    assert not [name for name in report["asked"] if name.startswith("_")]
    assert report["headings"][-1] == "For routers of federated graphs"
    assert report["found"][0] == "Model.isRoutable"
    assert "Gives Boolean!" in report["field"]
    assert report["built"] == (
        'query MyQuery { provider(providerId: "openai") { providerId name link } }'
    )
    assert report["builtData"]["provider"]["name"] == "OpenAI"
    assert report["history"] == ["MyQuery"]
    assert report["filled"] == ("# why { models(first: 1) { nodes { modelId name } } }")
    assert report["helped"] == "Query.models"
    assert 'Cannot query field "nme" on type "Model"' in report["mistake"]
    assert "      nme\n" in report["pretty"]
    assert "# kept" in report["pretty"]
    assert '"endpoints"' in report["variableNames"]


def test_everything_is_reached_by_keyboard(demo: str) -> None:
    report = _visit("keyboard", demo)

    reached = report["reached"]
    for name in ("Run", "Copy link", "Docs", "Query", "Variables", "Cost", "Trace"):
        assert name in reached
    assert len(reached) < 120  # otherwise something holds the focus
    assert report["afterDelete"] == ["Untitled"]
    assert report["widened"] is True


def test_every_width_shows_everything_and_is_accessible(demo: str) -> None:
    """From 360 to 2,560 pixels, light and dark; axe finds nothing serious."""
    report = _visit("widths", demo)

    assert report == {
        "barriers": [],
        "sticksOut": [],
        "runHidden": [],
        "detailsHidden": [],
    }


def test_key_has_a_field_and_the_documentation_recovers(
    serve: Callable[..., str],
) -> None:
    key = "explorer-key"
    report = _visit("keys", serve(API_KEYS=key), API_KEY=key)

    assert report["remark"] == "This gateway asks for a key. Enter it"
    assert report["asks"] == "This gateway asks for a key"
    assert report["sentBefore"] == 0
    assert "once the gateway has a key" in report["docsBefore"]
    assert report["refused"] == "This key was refused."
    assert report["docsAfter"] == "Documentation"
    assert report["data"] == report["dataAfterReload"]
    assert report["data"]["models"]["totalCount"] > 50
    for kept in (report["link"], report["curl"], report["stored"]):
        assert key not in kept
    assert '-H "X-API-Key: $CATALOGRAPH_API_KEY"' in report["curl"]


def test_token_of_the_catalogue_has_a_field(serve: Callable[..., str]) -> None:
    url = serve(
        UPSTREAM_AUTH="passthrough",
        PARTITION_KEY="k" * 32,
        UPSTREAM_VERSION="2025-12",
    )
    report = _visit("tokens", url, TOKEN=DEMO_TOKEN)

    assert report["asks"] == "Bring your token"
    assert report["refused"] == "This token was refused."
    assert report["data"]["models"]["totalCount"] > 50
    assert DEMO_TOKEN not in report["curl"]
    assert "Bearer $CATALOGRAPH_UPSTREAM_TOKEN" in report["curl"]


def test_introspection_that_is_off_is_said(serve: Callable[..., str]) -> None:
    report = _visit("closed", serve(INTROSPECTION_ENABLED="off"))

    assert "Introspection is off on this gateway" in report["start"]
    assert "schema.graphql" not in report["start"]
    assert "Introspection is off on this gateway" in report["docs"]
    assert report["data"]["models"]["totalCount"] > 50
