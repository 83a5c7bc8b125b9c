"""The command in processes whose standard streams are closed, full or not in UTF-8."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAID = "一" * 3


def run(
    *arguments: str, encoding: str = "utf-8", shell_tail: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with an encoding of its console, and redirections of a shell."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CATALOGRAPH_", "PYTHON"))
    }
    environ |= {
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": encoding,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CATALOGRAPH_UPSTREAM_TOKEN": "secret",
        "CATALOGRAPH_UPSTREAM_URL": "http://127.0.0.1:1/v1",
    }
    return subprocess.run(  # noqa: S603 - the command itself
        [
            *("/bin/sh", "-c", f'exec "$@" {shell_tail}', "sh"),
            *(sys.executable, "-m", "catalograph", *arguments),
        ],
        env=environ,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932", "ascii"])
def test_consoles_that_are_not_utf8_get_what_they_can_show(encoding: str) -> None:
    table, settings, listed, asked = (
        run("check", encoding=encoding),
        run("settings", encoding=encoding),
        run("--help", encoding=encoding),
        run("query", "--demo", f'{{ {"a" * 3}: __type(name:"{SAID}") {{ name }} }}'),
    )

    assert (table.returncode, settings.returncode) == (1, 0)
    assert (listed.returncode, asked.returncode) == (0, 0)
    errors = table.stderr + settings.stderr + listed.stderr + asked.stderr
    assert b"Traceback" not in errors


def test_data_keep_their_letters_on_any_console() -> None:
    """As escapes, where the console lacks them."""
    document = f'{{ models(filter: {{providers: ["{SAID}"]}}) {{ unknownFilterValues {{ value }} }} }}'

    answers = [
        run("query", "--demo", document, encoding=encoding)
        for encoding in ("utf-8", "cp1252", "ascii")
    ]

    assert [answer.returncode for answer in answers] == [0, 0, 0]
    for answer in answers:
        values = json.loads(answer.stdout)["data"]["models"]["unknownFilterValues"]
        assert values == [{"value": SAID}]


@pytest.mark.parametrize("tail", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_commands_work_without_streams(tail: str) -> None:
    if "full" in tail and not Path("/dev/full").exists():
        pytest.skip("only Linux has a device that is always full")

    assert run("settings", shell_tail=tail).returncode == 0
    assert run("query", "--demo", "{ __typename }", shell_tail=tail).returncode == 0
