"""Derives the state of a stored model and its rows from the time and from their switches."""

import datetime
from collections.abc import Iterable
from typing import Final

import msgspec

from catalograph.demo.rows import parse_instant
from catalograph.demo.v2026_08.rows import ProviderRow, StoredModel

_PREVIEWS: Final = frozenset({"alpha", "beta"})

# Best first: the best row of a provider determines the status of its offer.
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
    """A row with its availability; one object for each row of a snapshot.

    Attributes:
        status: `active`, `coming_soon` or `inactive`.
        reason: Reason of the status; a value of `status_reason`.
    """

    row: ProviderRow
    status: str
    reason: str

    @property
    def rank(self) -> tuple[int, int]:
        """Sort key; the best row is first."""
        return _STATUS_RANK[self.status], _REASONS.index(self.reason)


class Listed(msgspec.Struct, frozen=True):
    """A model with its rows that match a request, in stored order."""

    model: StoredModel
    rows: tuple[JudgedRow, ...]


def judge_row(row: ProviderRow, now: datetime.datetime) -> JudgedRow:
    """Determine whether a row can be routed, and the reason if not."""
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
    """Find the status that the filter `status` compares; past dates take precedence."""
    if _is_past(model.retires_at, now):
        return "retired"
    if _is_past(model.deprecated_at, now):
        return "deprecated"
    word = (model.status or "active").lower()
    return "active" if word == "available" else word


def show_status(word: str) -> str:
    """Return the status as shown: all except `retired` and `deprecated` are `active`."""
    return word if word in {"retired", "deprecated"} else "active"


def write_message(
    model: StoredModel, status: str, replacement_id: str | None
) -> str | None:
    """Write the message about deprecation or retirement; None while a model is active."""
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


def find_changes(models: Iterable[StoredModel]) -> list[datetime.datetime]:
    """Find the instants at which responses change just by the passing of time, ascending."""
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
    return sorted({when for day in set(stored) if (when := parse_instant(day))})


def _is_past(stored: str | None, now: datetime.datetime) -> bool:
    instant = parse_instant(stored)
    return instant is not None and instant <= now
