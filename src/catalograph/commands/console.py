"""Output of the commands for people."""

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalograph import __version__
from catalograph.commands.streams import can_show
from catalograph.settings import Settings, Shown

if TYPE_CHECKING:
    from catalograph.commands.checks import Finding

_QUERY: Final = (
    "{ models(limit: 3) { totalCount nodes { name organisation { name } } } }"
)

_MARKS: Final = {True: ("✓", "green"), False: ("✗", "red"), None: ("-", "dim")}
_PLAIN_MARKS: Final = {"✓": "ok", "✗": "no", "-": "-"}
"""Replacements for consoles that cannot show the marks."""


def find_base(host: str, port: int) -> str:
    """Find the address at which this machine reaches the gateway, without a path."""
    # Both mean all addresses; a socket on `::` accepts IPv4, too.
    anywhere = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if anywhere else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def describe_start(settings: Settings, base: str, *, demo: bool) -> str:
    """Describe the addresses of the gateway, with a first request to try.

    Args:
        settings: Settings of the gateway.
        base: From `find_base`.
        demo: Whether it serves the embedded catalogue.
    """
    what = "the embedded catalogue" if demo else settings.upstream_url
    body = json.dumps({"query": _QUERY})
    look = (
        "open it in a browser: examples to run, documentation"
        if settings.graphiql_enabled
        else "for clients; the explorer is off"
    )
    return (
        f"catalograph {__version__}: {what} as a graph\n\n"
        f"  {base}/graphql          {look}\n"
        f"  {base}/schema.graphql   the schema\n"
        f"  {base}/readyz           whether it can answer\n\n"
        "Try, in another terminal:\n\n"
        f"  curl {base}/graphql -H 'content-type: application/json' \\\n"
        f"    -d '{body}'\n\n"
        "Ctrl+C stops it.\n"
    )


def print_findings(findings: Iterable["Finding"]) -> None:
    """Print a table with one row for each finding."""
    table = Table("", "Checked", "Found", "What to do")
    for finding in findings:
        mark, style = _MARKS[finding.passed]
        if not can_show(mark, sys.stdout):
            mark = _PLAIN_MARKS[mark]
        table.add_row(
            Text(mark, style),
            finding.subject,
            # Folded: an address longer than the column would otherwise be cut.
            Text(finding.result, overflow="fold"),
            Text(finding.hint, overflow="fold"),
        )
    Console().print(table)


def print_settings(rows: Iterable[Shown]) -> None:
    """Print a table to a terminal, or else one `NAME=value` line for each setting, for tools."""
    if not sys.stdout.isatty():
        for row in rows:
            print(f"{row.name}={row.value}\t# {row.origin}")  # noqa: T201 - for a tool
        return
    table = Table("Variable", "Value", "From", "What it is")
    for row in rows:
        style = "dim" if row.origin == "default" else "bold"
        cells = (row.name, row.value or "-", row.origin, row.description)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells), style=style)
    Console().print(table)


def print_findings_json(findings: Iterable["Finding"]) -> None:
    """Print `[{subject, passed, result, hint}]`; `passed` is null if it was not checked."""
    _print_json(list(findings))


def print_settings_json(rows: Iterable[Shown]) -> None:
    """Print `[{name, description, value, default, origin}]`, secrets masked."""
    _print_json(list(rows))


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())  # noqa: T201
