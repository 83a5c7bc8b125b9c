"""The commands, each run as a user would."""

import json
import re
import socket
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner, Result

import catalograph
from catalograph import app as composition
from catalograph.commands import cli
from catalograph.demo.replies import RestService
from catalograph.errors import UpstreamAuthError
from catalograph.graphql.run.request import Caller, Operation
from catalograph.graphql.sdl import print_api_sdl, print_subgraph_sdl
from catalograph.settings import Settings

DEMO_TOTAL = 160


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in Settings().describe({}):
        # Set and deleted, so that monkeypatch restores what a command sets.
        monkeypatch.setenv(row.name, "")
        monkeypatch.delenv(row.name)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, arguments, input=stdin)


def test_without_a_command_there_is_help() -> None:
    result = run()

    for command in ("serve", "upstream", "schema", "query", "check", "health"):
        assert command in result.output


@pytest.mark.parametrize(
    "command", [(), ("serve",), ("query",), ("check",), ("schema",), ("upstream",)]
)
def test_help_shows_no_type_for_a_switch(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert "bool" not in result.output


def test_help_names_what_an_option_takes() -> None:
    output = run("serve", "--help").output

    for option in ("--host ADDRESS", "--port PORT", "--workers N", "--log-level LEVEL"):
        assert re.search(option.replace(" ", " +"), output)


def test_version() -> None:
    result = run("--version")

    assert (result.exit_code, result.stdout) == (
        0,
        f"catalograph {catalograph.__version__}\n",
    )


@pytest.mark.parametrize(
    ("arguments", "token", "total"),
    [
        ((), "aistats_v1_k_demo_catalogue", 162),
        (("--models", "7"), "aistats_v1_k_demo_catalogue", 7),
        (("--upstream-version", "2026-08"), "phaseo_v1_sk_catalogue_demo", 160),
        (
            ("--upstream-version", "2026-08", "--models", "7"),
            "phaseo_v1_sk_catalogue_demo",
            7,
        ),
    ],
)
def test_the_embedded_catalogue_is_served_in_either_version(
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    token: str,
    total: int,
) -> None:
    served: list[RestService] = []

    def serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        assert isinstance(server.config.app, RestService)
        served.append(server.config.app)
        for each in sockets:
            each.close()

    monkeypatch.setattr(uvicorn.Server, "run", serve)

    result = run("upstream", "--port", "0", *arguments)

    [rest] = served
    reply = rest.reply("GET", "/v1/models", "availability=all", f"Bearer {token}")
    assert (result.exit_code, reply.status) == (0, 200)
    assert f"CATALOGRAPH_UPSTREAM_TOKEN={token} catalograph serve" in result.stderr
    assert json.loads(reply.body)["total"] == total


@pytest.mark.parametrize("command", ["serve", "upstream"])
@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_cannot_be_is_refused(command: str, port: str) -> None:
    assert run(command, "--port", port).exit_code == 2


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    result = run("upstream", "--upstream-version", "2024-01")

    assert result.exit_code == 2
    assert "'2025-12', '2026-08'" in result.stderr


def test_a_query_prints_its_answer_as_json() -> None:
    result = run("query", "--demo", "{ models(limit: 1) { totalCount limit } }")

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "data": {"models": {"totalCount": DEMO_TOTAL, "limit": 1}}
    }


def test_a_query_takes_variables_and_standard_input() -> None:
    result = run(
        "query",
        "--demo",
        "-",
        "--variables",
        '{"n": 2}',
        stdin="query ($n: Int) { models(limit: $n) { limit } }",
    )

    assert json.loads(result.stdout) == {"data": {"models": {"limit": 2}}}


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (('{a(b: "\udce9")}',), None, "GRAPHQL must be UTF-8"),
        (("{a}", "--variables", "\udce9"), None, "--variables must be UTF-8"),
        (("-",), b'{a(b: "\xe9")}', "standard input must be UTF-8"),
    ],
)
def test_what_is_no_utf_8_is_refused_in_a_line(
    arguments: tuple[str, ...], stdin: bytes | None, reason: str
) -> None:
    result = CliRunner().invoke(cli.app, ["query", "--demo", *arguments], input=stdin)

    assert (result.exit_code, result.output) == (2, f"catalograph: {reason}\n")


def test_utf_8_is_understood_where_the_locale_has_another_encoding() -> None:
    """Python hands on the bytes of the argument as escapes then."""
    argument = "{ a: __typename } # é".encode().decode("ascii", "surrogateescape")

    assert run("query", "--demo", argument).stdout == '{"data":{"a":"Query"}}\n'


def test_a_byte_order_mark_on_standard_input_is_skipped() -> None:
    result = run("query", "--demo", "-", stdin="\ufeff{ __typename }")

    assert result.stdout == '{"data":{"__typename":"Query"}}\n'


def test_errors_in_the_answer_are_status_1_with_the_answer_on_stdout() -> None:
    result = run("query", "--demo", "{ models(limit: 251) { limit } }")

    assert result.exit_code == 1
    (error,) = json.loads(result.stdout)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes"),
        ("[1]", 'such as {"id": "x"}'),
        (r'{"id": "\ud800"}', "surrogates not allowed"),
        ('{"id": NaN}', "NaN is no number of JSON"),
        ('{"id": ' + "[" * 100_000, "recursion"),
        ('{"id": ' + "9" * 5_000 + "}", "integer string conversion"),
    ],
)
def test_variables_that_are_no_object_are_status_2(variables: str, reason: str) -> None:
    result = run("query", "--demo", "{ __typename }", "--variables", variables)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("catalograph: --variables must be a JSON object")
    assert reason in result.stderr


def test_wrong_settings_are_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CATALOGRAPH_PORT", "http")

    result = run("settings")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "catalograph: the settings are not valid:\n"
        "  - CATALOGRAPH_PORT must be a whole number from 0 to 65,535, got 'http'\n"
    )


def test_settings_are_printed_with_their_origin_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CATALOGRAPH_UPSTREAM_TOKEN", "hunter2")
    monkeypatch.setenv("CATALOGRAPH_PORT", "9000")

    result = run("settings")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "CATALOGRAPH_UPSTREAM_TOKEN=••••••\t# environment" in lines
    assert "CATALOGRAPH_PORT=9000\t# environment" in lines
    assert "CATALOGRAPH_WORKERS=1\t# default" in lines
    assert len(lines) == len(Settings().describe({}))


def test_the_schema_is_printed() -> None:
    assert run("schema").stdout == print_api_sdl()
    assert run("schema", "--subgraph").stdout == print_subgraph_sdl()


def test_a_current_schema_passes_without_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("schema.graphql").write_text(print_api_sdl(), encoding="utf-8")

    result = run("schema", "--check")

    assert (result.exit_code, result.output) == (0, "")


def test_a_schema_out_of_date_fails_and_shows_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = print_api_sdl().replace("type Query", "type OldQuery")
    Path("schema.graphql").write_text(old, encoding="utf-8")

    result = run("schema", "--check")

    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert "-type OldQuery {" in lines
    assert "+type Query {" in lines
    assert lines[-1] == (
        "catalograph: schema.graphql is out of date; `make schema` updates it"
    )


def test_a_missing_schema_is_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = run("schema", "--subgraph", "--check")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no such file or directory; run it at the root" in result.stderr


def test_settings_are_printed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOGRAPH_UPSTREAM_TOKEN", "aistats_v1_k_1_hunter2")
    monkeypatch.setenv("CATALOGRAPH_PORT", "9000")

    result = run("settings", "--json")

    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    assert rows["CATALOGRAPH_PORT"] == {
        "name": "CATALOGRAPH_PORT",
        "description": "Port to listen on; 0 takes a free one.",
        "value": "9000",
        "default": "8000",
        "origin": "environment",
    }


def test_a_check_is_printed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOGRAPH_UPSTREAM_URL", "http://127.0.0.1:1/v1")

    result = run("check", "--json")

    findings = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(one["subject"], one["passed"]) for one in findings] == [
        ("settings", True),
        ("upstream", False),
        ("token", None),
        ("cache", True),
    ]
    assert set(findings[1]) == {"subject", "passed", "result", "hint"}


def test_a_check_cuts_no_text_on_a_narrow_console(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "a-path-that-is-longer-than-a-column-" * 2 + "end"
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("CATALOGRAPH_UPSTREAM_URL", f"http://127.0.0.1:1/{path}")

    result = run("check")

    found = [
        line.split("│")[3].strip() for line in result.stdout.splitlines() if "│" in line
    ]
    assert "…" not in result.stdout
    assert f"http://127.0.0.1:1/{path}:" in "".join(found)


def test_a_failed_check_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_settings: Settings) -> None:
        raise UpstreamAuthError(detail="invalid_secret")

    monkeypatch.setattr(composition, "check_upstream", refuse)
    monkeypatch.setenv("CATALOGRAPH_UPSTREAM_TOKEN", "aistats_v1_k_kid_secret")

    result = run("check")

    assert result.exit_code == 1
    assert re.search(r"✗ +│ token +│ refused", result.stdout)
    assert re.search(r"✓ +│ cache +│ in memory", result.stdout)


def test_a_taken_port_is_reported_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run("serve", "--demo", "--port", str(port))

    assert (result.exit_code, result.output) == (
        2,
        (
            f"catalograph: cannot listen on 127.0.0.1 port {port}: address already in use; "
            "choose with --host, --port or CATALOGRAPH_HOST, CATALOGRAPH_PORT\n"
        ),
    )


def test_a_host_of_another_machine_is_reported_in_a_line() -> None:
    result = run("serve", "--demo", "--host", "192.0.2.1", "--port", "0")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        "catalograph: cannot listen on 192.0.2.1 port 0: cannot assign requested address"
    )


class Served:
    """Records how `serve` was started, and closes its sockets at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[Settings, bool]] = []
        self.addresses: list[tuple[str, int]] = []

    def __call__(
        self,
        settings: Settings,
        listeners: list[socket.socket],
        *,
        demo: bool,
    ) -> None:
        self.calls.append((settings, demo))
        for listener in listeners:
            self.addresses.append(listener.getsockname()[:2])
            listener.close()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    served = Served()
    monkeypatch.setattr(composition, "serve", served)
    return served


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("arguments", [(), ("--demo",)])
def test_serve_names_an_invalid_variable_of_opentelemetry(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")

    result = run("serve", *arguments, "--port", "0")

    assert (result.exit_code, len(served.calls)) == (0, 1)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT must be an http" in result.stderr


def test_serve_takes_the_level_of_the_log(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOGRAPH_LOG_LEVEL", "error")

    result = run("serve", "--demo", "--port", "0", "--log-level", "debug")

    ((settings, _),) = served.calls
    assert (result.exit_code, settings.log_level) == (0, "debug")


def test_a_level_of_the_log_that_is_none_is_refused(served: Served) -> None:
    result = run("serve", "--demo", "--log-level", "loud")

    assert (result.exit_code, served.calls) == (2, [])
    assert "must be one of debug, info, warning, error, got 'loud'" in result.stderr


def test_serve_says_where_to_look_and_what_to_try(served: Served) -> None:
    port = free_port()

    result = run("serve", "--demo", "--port", str(port))

    assert (result.exit_code, result.stdout) == (0, "")
    assert f"http://127.0.0.1:{port}/graphql " in result.stderr
    assert f"curl http://127.0.0.1:{port}/graphql" in result.stderr
    assert served.calls == [
        (Settings.from_environ({"CATALOGRAPH_PORT": str(port)}), True)
    ]


def test_the_version_of_the_demo_can_be_chosen(served: Served) -> None:
    result = run("serve", "--demo", "--port", "0", "--upstream-version", "2026-08")

    ((settings, demo),) = served.calls
    assert (result.exit_code, demo) == (0, True)
    assert settings.upstream_version == "2026-08"


async def test_the_demo_of_august_2026_has_its_own_ids_and_the_old_as_aliases() -> None:
    operation = Operation(document='{ model(modelId: "openai/gpt-4-1") { modelId } }')

    settings = Settings(upstream_version="2026-08")

    async with composition.open_gateway(settings, demo=True) as engine:
        answer = await engine.execute(operation, Caller())

    assert json.loads(answer.body) == {"data": {"model": {"modelId": "openai/gpt-4.1"}}}


def test_options_of_serve_override_the_environment(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOGRAPH_WORKERS", "3")
    monkeypatch.setenv("CATALOGRAPH_HOST", "192.0.2.1")

    result = run("serve", "--host", "0.0.0.0", "--port", "0", "--workers", "2")  # noqa: S104

    ((settings, demo),) = served.calls
    assert result.exit_code == 0
    assert (settings.host, settings.workers, demo) == ("0.0.0.0", 2, False)  # noqa: S104
    assert served.addresses[0][1] > 0


def test_serve_logs_its_start_and_warnings_about_settings(served: Served) -> None:
    result = run("serve", "--port", "0", "--host", "0.0.0.0")  # noqa: S104

    ((_, port),) = served.addresses
    start, warning = map(json.loads, result.stderr.splitlines())
    del start["timestamp"]
    assert start == {
        "event": "the gateway starts",
        "level": "info",
        "version": catalograph.__version__,
        "url": f"http://127.0.0.1:{port}",
        "upstream": Settings().upstream_url,
        "cache": "memory://",
        "workers": 1,
    }
    assert warning["event"] == "check this setting"
    assert warning["problem"].startswith("CATALOGRAPH_UPSTREAM_TOKEN is not set")


def test_a_bad_option_is_reported_like_a_bad_variable(served: Served) -> None:
    result = run("serve", "--workers", "0")

    assert (result.exit_code, served.calls) == (2, [])
    assert (
        "CATALOGRAPH_WORKERS must be a whole number from 1 to 256, got '0'"
        in result.stderr
    )


@pytest.mark.parametrize("command", ["serve", "query", "check"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://h:1"),
        ("HTTPS_PROXY", "http://h:notaport"),
        ("SSL_CERT_FILE", "/not/there"),
        ("CATALOGRAPH_CACHE_URL", "redis://h/0?tiemout=5"),
        ("CATALOGRAPH_CACHE_URL", "rediss://h/0?ssl_ca_certs=/not/there"),
        ("CATALOGRAPH_TRUSTED_DOCUMENTS", "/not/there"),
    ],
)
def test_a_problem_of_the_environment_is_one_sentence_with_its_variable(
    command: str,
    name: str,
    value: str,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)

    result = run(command, *(["{ __typename }"] if command == "query" else []))

    assert (result.exit_code, result.stdout, served.calls) == (2, "", [])
    (line,) = result.stderr.splitlines()[1:]
    assert line.startswith(f"  - {name}")


def test_the_demo_ignores_a_broken_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://h:1")

    assert run("query", "--demo", "{ __typename }").exit_code == 0


def test_serve_listens_with_both_families_on_all_addresses(served: Served) -> None:
    result = run("serve", "--demo", "--host", "::", "--port", "0")

    ((host, port),) = served.addresses
    assert (result.exit_code, host) == (0, "::")
    assert f"http://127.0.0.1:{port}/graphql " in result.stderr
