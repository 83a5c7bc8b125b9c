"""Derives the state of a stored model and its rows from time and switches."""

import datetime
from collections.abc import Iterable
from typing import Final

import msgspec

from catalograph.demo.rows import parse_instant
from catalograph.demo.v2026_08.rows import ProviderRow, StoredModel

_PREVIEWS: Final = frozenset({"alpha", "beta"})

# Best first. Which row of a provider speaks for all of them is decided by it.
_STATUS_RANK: Final = {"active": 0, "coming_soon": 1, "inactive": 2}
_REASONS: Final = (
    "active",
    "preview_only",
    "scheduled",
    "coming_soon",
    "provider_disabled",
    "model_disabled",
    "capability_disabled",
    "provider_not_ready",
    "retired",
    "inactive",
)


class JudgedRow(msgspec.Struct, frozen=True, eq=False):
    """A row with what can be had of it now; one object for each row of a snapshot.

    Attributes:
        status: `active`, `coming_soon` or `inactive`.
        reason: Why; one of the words for `status_reason`.
    """

    row: ProviderRow
    status: str
    reason: str

    @property
    def rank(self) -> tuple[int, int]:
        """Sort the row that speaks for its provider to the front."""
        return _STATUS_RANK[self.status], _REASONS.index(self.reason)


class Listed(msgspec.Struct, frozen=True):
    """A model with the rows that a request leaves of it, in stored order."""

    model: StoredModel
    rows: tuple[JudgedRow, ...]


def judge_row(row: ProviderRow, now: datetime.datetime) -> JudgedRow:
    """Find out whether a row can be routed, and why not."""
    since = parse_instant(row.effective_from)
    until = parse_instant(row.effective_to)
    if until is not None and until <= now:
        return JudgedRow(row, "inactive", "retired")
    is_early = since is not None and now < since
    reason = _find_reason(row, is_early=is_early)
    if reason == "active":
        return JudgedRow(row, "active", reason)
    is_coming = (
        is_early
        or row.capability_status == "coming_soon"
        or row.provider_status in _PREVIEWS
    )
    return JudgedRow(row, "coming_soon" if is_coming else "inactive", reason)


def _find_reason(row: ProviderRow, *, is_early: bool) -> str:
    reasons = (
        (row.provider_status == "not_ready", "provider_not_ready"),
        (row.provider_status in _PREVIEWS, "preview_only"),
        (row.provider_routing == "disabled", "provider_disabled"),
        (row.model_routing == "disabled", "model_disabled"),
        (row.capability_status == "disabled", "capability_disabled"),
        (row.capability_status == "coming_soon", "coming_soon"),
        (is_early, "scheduled"),
        (not row.is_on, "inactive"),
    )
    return next((reason for holds, reason in reasons if holds), "active")


def find_status_word(model: StoredModel, now: datetime.datetime) -> str:
    """Find the word that the filter `status` looks at; a past date comes first."""
    if _is_past(model.retires_at, now):
        return "retired"
    if _is_past(model.deprecated_at, now):
        return "deprecated"
    word = (model.status or "active").lower()
    return "active" if word == "available" else word


def show_status(word: str) -> str:
    """Print a status: of all words only these two are not `active`."""
    return word if word in {"retired", "deprecated"} else "active"


def write_message(
    model: StoredModel, status: str, replacement_id: str | None
) -> str | None:
    """Tell the end of a model; None while it is active."""
    if status == "active":
        return None
    if status == "retired":
        text = (
            f"Model retired on {model.retires_at}."
            if model.retires_at
            else "Model is retired."
        )
    elif model.retires_at:
        text = (
            f"Model is deprecated and scheduled for retirement on {model.retires_at}."
        )
    elif model.deprecated_at:
        text = f"Model is deprecated since {model.deprecated_at}."
    else:
        text = "Model is deprecated."
    return f'{text} Use "{replacement_id}" instead.' if replacement_id else text


def find_turns(models: Iterable[StoredModel]) -> list[datetime.datetime]:
    """Find the instants at which an answer changes without a release, in order."""
    stored = (
        day
        for model in models
        for days in (
            (model.deprecated_at, model.retires_at),
            *((row.effective_from, row.effective_to) for row in model.rows),
            *((prices.since, prices.until) for prices in model.price_lists),
        )
        for day in days
    )
    return sorted({turn for day in set(stored) if (turn := parse_instant(day))})


def _is_past(stored: str | None, now: datetime.datetime) -> bool:
    instant = parse_instant(stored)
    return instant is not None and instant <= now
