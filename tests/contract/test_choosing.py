"""The question in the documentation of choosing is answered by the embedded catalogue."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from catalograph.app import open_gateway
from catalograph.graphql.run.request import Caller, Operation
from catalograph.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/choosing.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    return match[1]


def list_keys(value: Any) -> Any:
    """The shape of an answer, without its values."""
    if isinstance(value, dict):
        return {key: list_keys(one) for key, one in value.items()}
    return [list_keys(one) for one in value] if isinstance(value, list) else None


async def test_the_question_has_an_answer_like_the_one_beside_it() -> None:
    """Prices of the embedded catalogue may change, but not the fields of the answer."""
    settings = Settings.from_environ({"CATALOGRAPH_UPSTREAM_VERSION": "2026-08"})
    async with open_gateway(settings, demo=True) as engine:
        answer = await engine.execute(Operation(document=block("graphql")), Caller())

    given, shown = json.loads(answer.body), json.loads(block("json"))
    [node] = given["data"]["models"]["nodes"]
    cost = node["cheapestOffering"]["cost"]
    assert list_keys(given) == list_keys(shown)
    assert sum(Fraction(part["amount"]) for part in cost["parts"]) == Fraction(
        cost["amount"]
    )
