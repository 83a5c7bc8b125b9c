"""The filters of a list of models in August 2026."""

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
"""Row filters that compare one value, ignoring case. The only other one is `params`."""

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
    """The filters of one request. An empty list restricts nothing.

    Attributes:
        rows: Values in lower case by name of the row filter.
        params: Parameter names or aliases, compared exactly.
        organisations: Ids, compared exactly.
        input_types: Modalities of the model in lower case, like the next two.
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
        """Whether there is a filter by endpoint."""
        return any(name == "endpoints" for name, _ in self.rows)

    @property
    def mode(self) -> str:
        """The value of `availability_mode`."""
        return "active" if self.is_active_only else "all"


def read_question(parameters: Parameters, *, is_active_only: bool) -> Question:
    """Read the filters from the parameters of a request."""
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
