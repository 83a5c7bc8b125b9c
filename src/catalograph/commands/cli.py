"""The `catalograph` command.

Slow imports are inside the command that needs them, so that `--help` and shell completion
are fast. Exit status: 0 success; 1 a negative result (errors of a query, a failed check, a
schema out of date); 2 the command, a setting or the environment is not usable.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from catalograph import __version__
from catalograph.commands.streams import can_show, discard_output, prepare_streams
from catalograph.demo import DEFAULT_VERSION, UpstreamVersion
from catalograph.errors import CatalographError

if TYPE_CHECKING:
    from catalograph.graphql.run.request import Answer
    from catalograph.settings import Settings

_UPSTREAM_PORT: Final = 9000
_API_SDL: Final = Path("schema.graphql")
_SUBGRAPH_SDL: Final = Path("examples/federation/catalograph.graphql")
_MOST_DIFF_LINES: Final = 20


def _hide_types_of_switches(params: list[Any]) -> list[Any]:
    """Hide the type of options without a value, which the help would show as `<bool>`."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class _Command(TyperCommand):
    """Shows options as they are typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """List the options and arguments of the command."""
        return _hide_types_of_switches(super().get_params(ctx))


class _Commands(TyperGroup):
    """Reports our own errors in one line, without a traceback."""

    def get_params(self, ctx: Any) -> list[Any]:
        """List the options before a command."""
        return _hide_types_of_switches(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a CatalographError ends it with status 2."""
        try:
            return super().invoke(ctx)
        except CatalographError as exc:
            detail = f" ({exc.detail})" if exc.detail else ""
            raise _refuse(f"{exc}{detail}") from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help=(
        "A GraphQL gateway to the REST API of a catalogue of AI models.\n\n"
        "Start with [bold]catalograph serve --demo[/bold]: no network, no token. "
        "Settings come from CATALOGRAPH_… variables; "
        "[bold]catalograph settings[/bold] lists them."
    ),
    epilog="Exit status: 0 success; 1 errors in the response, or a failed check; 2 not usable.",
)

_Demo = Annotated[
    bool,
    typer.Option("--demo", help="Use the embedded catalogue: no network, no token."),
]


_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as exc:
        discard_output()
        _say(f"catalograph: cannot write: {(exc.strerror or str(exc)).lower()}")
        sys.exit(1)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it
    if wanted:
        typer.echo(f"catalograph {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and stop.",
        ),
    ] = False,
) -> None:
    pass


@app.command(cls=_Command)
def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on.",
            show_default="CATALOGRAPH_HOST",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="Port to listen on; 0 takes a free one.",
            show_default="CATALOGRAPH_PORT",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes that share the port.",
            show_default="CATALOGRAPH_WORKERS",
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="Lowest level that is logged: debug, info, warning, error.",
            show_default="CATALOGRAPH_LOG_LEVEL",
        ),
    ] = None,
    demo: _Demo = False,
    upstream_version: Annotated[
        UpstreamVersion | None,
        typer.Option(
            help="Version of the upstream's API, also of the embedded one.",
            show_default="CATALOGRAPH_UPSTREAM_VERSION",
        ),
    ] = None,
) -> None:
    """Serve the gateway until SIGTERM or Ctrl+C."""
    _ignore_hangups()
    from catalograph.server.gc_tuning import pause_collector

    # Imports make many objects and almost no garbage: looking for it takes a tenth of the time.
    with pause_collector():
        from catalograph.app import check_start, find_start_warnings, serve as serve_app
    from catalograph.commands.console import describe_start, find_base
    from catalograph.observability.logs import configure_logging, get_logger
    from catalograph.server.listening import get_port, open_listeners

    options = {
        "UPSTREAM_VERSION": upstream_version,
        "HOST": host,
        "PORT": port,
        "WORKERS": workers,
        "LOG_LEVEL": log_level,
    }
    for name, value in options.items():
        if value is not None:
            # Set in the environment, because worker processes read their settings from it.
            _override(name, value)
    settings = _read_settings()
    check_start(settings, demo=demo)
    listeners = open_listeners(settings.host, settings.port)
    base = find_base(settings.host, get_port(listeners))
    configure_logging(
        stream=sys.stderr, level=settings.log_level, log_format=settings.log_format
    )
    if demo or _is_terminal(sys.stderr):
        _say(describe_start(settings, base, demo=demo))
    else:
        get_logger().info(
            "the gateway starts",
            version=__version__,
            url=base,
            upstream="demo" if demo else settings.upstream_url,
            cache=str(settings.cache_url),
            workers=settings.workers,
        )
    for warning in find_start_warnings(settings, demo=demo):
        get_logger().warning("check this setting", problem=warning)
    serve_app(settings, listeners, demo=demo)


@app.command(cls=_Command)
def upstream(
    *,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            # A greater one would be taken modulo 65,536.
            max=65_535,
            metavar="PORT",
            help="Port to listen on; 0 takes a free one.",
        ),
    ] = _UPSTREAM_PORT,
    models: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Generate this many models instead, the same every time.",
        ),
    ] = None,
    upstream_version: Annotated[
        UpstreamVersion,
        typer.Option(help="Version of the REST API, by its month."),
    ] = DEFAULT_VERSION,
) -> None:
    """Serve the embedded catalogue as the REST API that the gateway reads."""
    import uvicorn

    from catalograph.demo.service import DEMO_TOKENS, build_demo_app
    from catalograph.demo.synthesis import synthesise
    from catalograph.server.listening import get_port, open_listeners

    host = "127.0.0.1"
    listeners = open_listeners(host, port)
    port = get_port(listeners)
    rest = build_demo_app(
        None if models is None else synthesise(models, upstream_version),
        version=upstream_version,
    )
    _say(
        f"The REST API of the embedded catalogue is at http://{host}:{port}/v1/models\n"
        "To put the gateway in front of it:\n"
        f"  CATALOGRAPH_UPSTREAM_URL=http://{host}:{port}/v1 "
        f"CATALOGRAPH_UPSTREAM_TOKEN={DEMO_TOKENS[upstream_version]} catalograph serve"
    )
    config = uvicorn.Config(rest, workers=1, log_level="warning", access_log=False)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=listeners)


@app.command(cls=_Command)
def schema(
    *,
    subgraph: Annotated[
        bool,
        typer.Option("--subgraph", help="Print the subgraph schema for federation."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Print nothing; fail if the committed file is out of date."
        ),
    ] = False,
) -> None:
    """Print the schema as SDL."""
    from catalograph.graphql import sdl

    text = sdl.print_subgraph_sdl() if subgraph else sdl.print_api_sdl()
    if check:
        _compare(_SUBGRAPH_SDL if subgraph else _API_SDL, text)
    else:
        # Always UTF-8, like the committed file, whatever the encoding of the console.
        typer.echo(text.encode(), nl=not text.endswith("\n"))


@app.command(cls=_Command)
def query(
    document: Annotated[
        str, typer.Argument(metavar="GRAPHQL", help="The operation; - reads stdin.")
    ],
    *,
    variables: Annotated[
        str, typer.Option(metavar="JSON", help="Variables, as a JSON object.")
    ] = "{}",
    demo: _Demo = False,
) -> None:
    """Run one operation and print its response as JSON."""
    import asyncio

    text = _read_stdin() if document == "-" else _to_unicode(document, "GRAPHQL")
    given = _parse_variables(_to_unicode(variables, "--variables"))
    answer = asyncio.run(_execute(_read_settings(), text, given, demo=demo))
    body = answer.body.decode()
    if sys.stdout.isatty():
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    if not can_show(body, sys.stdout):
        # `json.dumps` escapes what is not ASCII. The stream would replace such characters by
        # question marks.
        body = json.dumps(json.loads(body), separators=(",", ":"))
    typer.echo(body)
    if answer.codes:
        raise typer.Exit(1)


@app.command(cls=_Command)
def check(*, as_json: _Json = False) -> None:
    """Test settings, upstream, token and cache."""
    import asyncio

    from catalograph.app import check_upstream
    from catalograph.commands.checks import ping_redis, run_checks
    from catalograph.commands.console import print_findings, print_findings_json
    from catalograph.observability.logs import configure_logging

    # The table shows the problems; log lines would repeat them.
    configure_logging(level="error")

    findings = asyncio.run(
        run_checks(os.environ, ask_upstream=check_upstream, ping_cache=ping_redis)
    )
    (print_findings_json if as_json else print_findings)(findings)
    if any(finding.passed is False for finding in findings):
        raise typer.Exit(1)


@app.command(cls=_Command)
def health() -> None:
    """Ask the gateway of this container or machine whether it is alive; for health checks."""
    from catalograph.commands.health import (
        find_address,
        find_failure,
        read_arguments,
    )

    failure = find_failure(*find_address(os.environ, read_arguments()))
    if failure is not None:
        _say(f"catalograph: {failure}")
        raise typer.Exit(1)


@app.command(cls=_Command)
def settings(*, as_json: _Json = False) -> None:
    """Print every setting, its value and its origin; secrets are masked."""
    from catalograph.commands.console import print_settings, print_settings_json

    rows = _read_settings().describe(os.environ)
    (print_settings_json if as_json else print_settings)(rows)


def _ignore_hangups() -> None:
    """Ignore SIGHUP, which would end the process, until it reloads the settings.

    The imports that follow take a second, and a service manager may ask for a reload already.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _read_settings() -> "Settings":
    from catalograph.settings import Settings

    return Settings.from_environ(os.environ)


def _override(name: str, value: object) -> None:
    """Override a setting for this process and its workers, also if it came from a file."""
    os.environ.pop(f"CATALOGRAPH_{name}_FILE", None)
    os.environ[f"CATALOGRAPH_{name}"] = str(value)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # The reader has gone, or the disk is full.
        typer.echo(text, err=True)


def _refuse(why: str) -> typer.Exit:
    _say(f"catalograph: {why}")
    return typer.Exit(2)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal. It is None if it was closed at start."""
    return stream is not None and stream.isatty()


def _compare(path: Path, text: str) -> None:
    """End with status 1 if the committed file has other content."""
    import difflib

    try:
        committed = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise _refuse(
            f"cannot read {path}: {(exc.strerror or '').lower()}; run it at the root "
            "of the project"
        ) from None
    diff = list(
        difflib.unified_diff(
            committed.splitlines(),
            text.splitlines(),
            f"{path}, committed",
            f"{path}, now",
            lineterm="",
            n=1,
        )
    )
    if diff:
        _say("\n".join(diff[:_MOST_DIFF_LINES]))
        _say(f"catalograph: {path} is out of date; `make schema` updates it")
        raise typer.Exit(1)


def _read_stdin() -> str:
    """Read the operation, whatever encoding the locale of this process has."""
    if sys.stdin is None:
        raise _refuse("there is no standard input to read the operation from")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse("standard input must be UTF-8") from None


def _to_unicode(argument: str, what: str) -> str:
    """Undo the escapes for bytes that do not fit the encoding of the locale."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(argument).decode()
        except UnicodeError:
            raise _refuse(f"{what} must be UTF-8") from None
    return argument


def _parse_variables(text: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text, parse_constant=_refuse_constant)
        # An escape such as `\ud800` alone is no character, and cannot be sent either.
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise _refuse(f"--variables must be a JSON object: {exc}") from None
    if not isinstance(given, dict):
        raise _refuse('--variables must be a JSON object, such as {"id": "x"}')
    return given


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


async def _execute(
    settings: "Settings", document: str, variables: Mapping[str, Any], *, demo: bool
) -> "Answer":
    import secrets

    from catalograph.app import open_gateway
    from catalograph.graphql.run.request import Caller, Operation

    operation = Operation(document=document, variables=variables)
    caller = Caller()
    if settings.upstream_auth == "passthrough" and settings.upstream_token and not demo:
        # The user of the command is the caller. A random partition keeps the data of this
        # token out of the cache entries of other callers.
        token = settings.upstream_token.reveal()
        caller = Caller(token=token, partition=secrets.token_hex(16))
    async with open_gateway(settings, demo=demo) as engine:
        return await engine.execute(operation, caller)
