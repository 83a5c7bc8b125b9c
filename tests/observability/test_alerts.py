"""The alerts fire when they should; tested with Prometheus' own tool for rule tests."""

import asyncio
import shutil
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
async def test_an_outage_at_one_operation_a_second_raises_an_alert() -> None:
    assert PROMTOOL is not None
    process = await asyncio.create_subprocess_exec(
        *(PROMTOOL, "test", "rules", "prometheus_alerts.yml"),
        cwd=Path(__file__).parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
