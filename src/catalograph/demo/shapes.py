"""How a version of the upstream reads parameters and renders models."""

import datetime
from collections.abc import Sequence
from typing import Protocol

import msgspec

from catalograph.demo.parameters import Parameters, Question
from catalograph.demo.rows import (
    GatewaySection,
    ProviderRow,
    SectionedModel,
    StoredModel,
    parse_instant,
)


class Shape(Protocol):
    """One version of the API."""

    def read(self, parameters: Parameters) -> Question:
        """Read the parameters that this version knows, and ignore others."""

    def find_listing_instant(self, model: StoredModel) -> datetime.datetime | None:
        """Find the date by which a model is ordered; None: it is last."""

    def render(
        self, model: StoredModel, rows: Sequence[ProviderRow], question: Question
    ) -> msgspec.Struct:
        """Render a model with these of its rows, which are sorted."""


class SectionedShape:
    """December 2025: sections `data` and `gateway`, thirteen parameters."""

    def read(self, parameters: Parameters) -> Question:
        """Read the thirteen parameters."""
        return Question(
            providers=parameters.read_list("provider"),
            organisations=parameters.read_list("organisation"),
            include_endpoints=parameters.read_list("include_endpoints"),
            exclude_endpoints=parameters.read_list("exclude_endpoints"),
            input_types=parameters.read_types("input_types"),
            output_types=parameters.read_types("output_types"),
            dropped_statuses=tuple(
                status
                for status in ("rumoured", "deprecated", "retired")
                if not parameters.read_boolean(f"include_{status}")
            ),
            data=parameters.read_boolean("include_data"),
            gateway=parameters.read_boolean("include_gateway"),
            limit=parameters.read_limit(),
            offset=parameters.read_offset(),
        )

    def find_listing_instant(self, model: StoredModel) -> datetime.datetime | None:
        """Use the release date, or the announcement if there is no valid release date."""
        released = parse_instant(model.release_date)
        return released or parse_instant(model.announcement_date)

    def render(
        self, model: StoredModel, rows: Sequence[ProviderRow], question: Question
    ) -> SectionedModel:
        """Compute section `gateway` from the rows given."""
        return SectionedModel(
            model_id=model.model_id,
            name=model.name,
            release_date=model.release_date,
            announcement_date=model.announcement_date,
            deprecation_date=model.deprecation_date,
            retirement_date=model.retirement_date,
            status=model.status,
            organisation=model.organisation,
            aliases=model.aliases,
            data=model.data if question.data else msgspec.UNSET,
            gateway=_summarise(rows) if question.gateway else msgspec.UNSET,
        )


def _summarise(rows: Sequence[ProviderRow]) -> GatewaySection:
    return GatewaySection(
        active=bool(rows),
        endpoints=tuple(sorted({row.endpoint for row in rows})),
        providers=tuple(rows),
    )
