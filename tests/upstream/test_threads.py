"""Pages are decoded in threads, too; two of them must never be the first to use a row type."""

import subprocess
import sys

import pytest

from catalograph.upstream.versions import VERSIONS

PROGRAM = """
import sys
import msgspec
import catalograph.upstream.wire
from catalograph.upstream.versions import VERSIONS

read = []

def note(frame, event, _):
    if event == "call" and frame.f_code.co_name == "get_class_annotations":
        read.append(frame.f_locals["obj"].__name__)

version = next(version for version in VERSIONS if version.name == sys.argv[1])
routes = version.tables.values()
sys.setprofile(note)
for row_type in (version.row_type, *(route.row_type for route in routes)):
    msgspec.json.Decoder(row_type)
sys.setprofile(None)
print(*read)
"""
"""Prints the structs whose fields msgspec had not read yet, although the module was imported."""


@pytest.mark.parametrize("name", [version.name for version in VERSIONS])
def test_row_types_are_known_before_the_first_page(name: str) -> None:
    """Two threads that read the fields of one struct at the same time crash the process."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, name],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == []
