"""Parses a request for models as August 2026 does."""

from collections.abc import Mapping
from typing import Final

import msgspec

from catalograph.demo.parameters import Parameters

ROW_FILTERS: Final = (
    "provider",
    "endpoints",
    "provider_status",
    "provider_routing_status",
    "model_routing_status",
    "capability_status",
    "provider_availability_status",
    "provider_availability_reason",
)
"""Filters on a row that compare one value without case; `params` is the one other."""

_ENDPOINT_SYNONYMS: Final[Mapping[str, str]] = {
    "video.generation": "video.generate",
    "video.generations": "video.generate",
    "videos": "video.generate",
    "/v1/videos": "video.generate",
    "batches": "batch",
    "/v1/batches": "batch",
    "audio/speech": "audio.speech",
}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which models are wanted. An empty list restricts nothing.

    Attributes:
        rows: Wanted values by name of the row filter, in lower case.
        params: Parameter names or aliases, exact.
        organisations: Exact.
        input_types: Of the model itself; lower case, as the next two.
    """

    is_active_only: bool = True
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    params: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    input_types: tuple[str, ...] = ()
    output_types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def has_endpoints(self) -> bool:
        """Whether it filters by endpoint."""
        return any(name == "endpoints" for name, _ in self.rows)

    @property
    def mode(self) -> str:
        """The word for `availability_mode`."""
        return "active" if self.is_active_only else "all"


def read_question(parameters: Parameters, *, is_active_only: bool) -> Question:
    """Take what filters a list of models and ignore the rest."""
    rows = []
    for name in ROW_FILTERS:
        values = parameters.read_types(name)
        if name == "endpoints":
            values = tuple(_ENDPOINT_SYNONYMS.get(value, value) for value in values)
        if values:
            rows.append((name, values))
    return Question(
        is_active_only=is_active_only,
        rows=tuple(rows),
        params=parameters.read_list("params", "supported_parameters"),
        organisations=parameters.read_list("organisation"),
        input_types=parameters.read_types("input_types", "input_modalities"),
        output_types=parameters.read_types("output_types", "output_modalities"),
        statuses=parameters.read_types("status"),
    )
