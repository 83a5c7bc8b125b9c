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


@pytest.mark.parametrize(
    ("encoding", "command", "status"),
    [("cp1252", "check", 1), ("ascii", "--help", 0), ("cp437", "settings", 0)],
)
def test_consoles_that_are_not_utf8_get_what_they_can_show(
    encoding: str, command: str, status: int
) -> None:
    result = run(command, encoding=encoding)

    assert (result.returncode, result.stderr) == (status, b"")


def test_data_keep_their_letters_on_any_console() -> None:
    """Letters that the console cannot show are written as escapes."""
    document = f'{{ models(filter: {{providers: ["{SAID}"]}}) {{ unknownFilterValues {{ value }} }} }}'

    answers = [
        run("query", "--demo", document, encoding=encoding)
        for encoding in ("utf-8", "cp1252")
    ]

    assert [answer.returncode for answer in answers] == [0, 0]
    for answer in answers:
        values = json.loads(answer.stdout)["data"]["models"]["unknownFilterValues"]
        assert values == [{"value": SAID}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_cannot_be_written_is_told_in_a_line() -> None:
    result = run("settings", shell_tail=">/dev/full")

    assert (result.returncode, result.stderr.decode()) == (
        1,
        "catalograph: cannot write: no space left on device\n",
    )


@pytest.mark.parametrize("tail", ["2>&-", "<&- >&- 2>&-"])
def test_commands_work_without_streams(tail: str) -> None:
    assert run("query", "--demo", "{ __typename }", shell_tail=tail).returncode == 0
