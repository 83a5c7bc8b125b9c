"""The examples of the README work as shown."""

import json
import re
from pathlib import Path

from catalograph.app import open_gateway
from catalograph.graphql.run.request import Caller, Operation
from catalograph.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert match is not None
    return match[1]


async def test_the_query_has_the_answer_beside_it() -> None:
    async with open_gateway(Settings(), demo=True) as engine:
        answer = await engine.execute(Operation(document=block("graphql")), Caller())

    assert json.loads(answer.body) == json.loads(block("json"))


def test_the_first_code_is_two_commands() -> None:
    assert re.findall(r"^make \w+", block(""), re.MULTILINE) == [
        "make demo",
        "make test",
    ]


def test_the_table_has_the_settings_own_defaults() -> None:
    defaults = {row.name: row.default for row in Settings().describe({})}
    rows = re.findall(
        r"^\| `(CATALOGRAPH_\w+)` \| `?(.*?)`? ?\| ", README, re.MULTILINE
    )

    assert rows
    assert {name: default for name, default in rows if defaults[name] != default} == {}
