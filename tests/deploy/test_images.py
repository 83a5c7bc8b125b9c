"""Every image that is built on or run is pinned by its digest."""

import re
from pathlib import Path

DOCKER = Path(__file__).parents[2] / "docker"
PINNED = re.compile(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def test_base_images_are_pinned() -> None:
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    named = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.MULTILINE))
    used = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))

    assert used == {"${" + name + "}" for name in named}
    assert [one for one in named.values() if not PINNED.fullmatch(one)] == []


def test_images_of_the_services_are_pinned() -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    images = re.findall(r"^\s*image: (\S+)$", text, re.MULTILINE)

    assert len(images) == 5
    assert [one for one in images if not PINNED.fullmatch(one)] == ["catalograph"]
