"""Prices worked out from the JSON of the upstream alone, in fractions, rule by rule."""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from support.reference_2026_08 import Row

INPUT, OUTPUT, CACHED = (
    "input_text_tokens",
    "output_text_tokens",
    "cached_read_text_tokens",
)
_GROUPS = (
    {"chat.completions", "responses", "messages", "text.generate"},
    {"embeddings", "text.embed"},
    {"images.generations", "image.generations", "image.generate"},
    {"images.edits", "image.edits", "image.edit"},
    {"audio.transcription", "audio.transcriptions", "audio.transcribe"},
    {"moderations", "moderations.create", "text.moderate"},
    {"video.generation", "video.generations", "video.generate"},
    {"rerank", "text.rerank"},
)


def round_amount(value: object) -> Fraction:
    """Read an amount with 15 significant digits."""
    return Fraction(f"{float(str(value)):.15g}")


class PriceReference:
    """The price list of an upstream.

    Args:
        rows: `models` of `GET /pricing/models`.
        at: The time for which prices are computed.
    """

    def __init__(self, rows: Sequence[Row], at: datetime.datetime) -> None:
        self.at = at
        self._lists: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in rows:
            self._lists[row["provider"], row["model"], row["endpoint"]].append(row)

    def find_lists(self, model_id: str, provider_id: str, endpoint: str) -> list[Row]:
        """Find the lists of an offering, by the endpoint or another name of it."""
        group = next((one for one in _GROUPS if endpoint in one), set())
        for name in (endpoint, *sorted(group)):
            found = self._lists.get((provider_id, model_id, name))
            if found:
                return found
        return []

    def find_standard(
        self, model_id: str, provider_id: str, endpoint: str
    ) -> Sequence[Row]:
        """Return the meters of the first list."""
        lists = self.find_lists(model_id, provider_id, endpoint)
        return lists[0]["meters"] if lists else ()

    def find_token_prices(
        self, meters: Sequence[Row]
    ) -> tuple[Fraction | None, Fraction | None, str | None]:
        """Tell input price, output price and currency."""
        found = [self._find_lowest(meters, name) for name in (INPUT, OUTPUT)]
        currencies = {one["currency"] for one in found if one is not None}
        if len(currencies) != 1:
            return None, None, None
        amounts = [
            None
            if one is None
            else self.find_amount(one) * 1_000_000 / one["unit_size"]
            for one in found
        ]
        return amounts[0], amounts[1], currencies.pop()

    def find_amount(self, meter: Row) -> Fraction:
        """Tell the amount of a price at the moment."""
        time = self.at.strftime("%H:%M")
        for window in meter["time_windows"]:
            assert window["timezone"] == "UTC"
            start, end = window["start_time"], window["end_time"]
            inside = (
                start <= time < end if start <= end else time >= start or time < end
            )
            if inside:
                return round_amount(window["price_per_unit"])
        return round_amount(meter["price_per_unit"])

    def find_cost(
        self, meters: Sequence[Row], usage: Mapping[str, int]
    ) -> tuple[Fraction, str] | None:
        """Tell what a usage costs, and in which currency; None for no price."""
        given, cached = usage["inputTokens"], usage["cachedInputTokens"]
        plain = self._find_step(meters, INPUT, given)
        kept = self._find_step(meters, CACHED, given) or plain
        output = self._find_step(meters, OUTPUT, given)
        used = [
            (count, meter)
            for count, meter in (
                (given - cached, plain),
                (cached, kept),
                (usage["outputTokens"], output),
            )
            if count
        ]
        if not used or any(meter is None for _, meter in used):
            return None
        currencies = {meter["currency"] for _, meter in used if meter is not None}
        if len(currencies) != 1:
            return None
        total = sum(
            (
                count * self.find_amount(meter) / meter["unit_size"]
                for count, meter in used
                if meter is not None
            ),
            start=Fraction(0),
        )
        return total, currencies.pop()

    def _find_lowest(self, meters: Sequence[Row], name: str) -> Row | None:
        best: Row | None = None
        lowest = -1
        for meter in meters:
            if meter["meter"] != name or not _is_by_input(meter):
                continue
            start = max(
                (
                    one["value"] + (one["op"] == "gt")
                    for one in meter["conditions"]
                    if one["op"] in {"gt", "gte"}
                ),
                default=0,
            )
            if best is None or start < lowest:
                best, lowest = meter, start
        return best

    def _find_step(self, meters: Sequence[Row], name: str, tokens: int) -> Row | None:
        for meter in meters:
            if (
                meter["meter"] == name
                and _is_by_input(meter)
                and all(_holds(one, tokens) for one in meter["conditions"])
            ):
                return meter
        return None


def _is_by_input(meter: Row) -> bool:
    return all(one["path"] == "input_tokens" for one in meter["conditions"])


def _holds(condition: Mapping[str, Any], tokens: int) -> bool:
    value = condition["value"]
    match condition["op"]:
        case "lt":
            return bool(tokens < value)
        case "lte":
            return bool(tokens <= value)
        case "gt":
            return bool(tokens > value)
        case "gte":
            return bool(tokens >= value)
    raise AssertionError(condition)
