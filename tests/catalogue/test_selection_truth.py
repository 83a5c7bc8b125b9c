"""Every recorded request with a filter has the same list from the index."""

import pytest

from catalograph.catalogue.filter import ModelsFilter, normalise
from catalograph.catalogue.selection import select
from catalograph.demo.parameters import Parameters
from catalograph.demo.shapes import SectionedShape
from support.catalogues import (
    DATASETS,
    RECORDED,
    build_recorded_index,
    read_recorded,
)
from support.stub_shapes import FlatShape

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers are not here"
)


def read_filter(query_string: str, shape: str) -> ModelsFilter:
    upstream = SectionedShape() if shape == "sectioned" else FlatShape()
    question = upstream.read(Parameters(query_string))
    return ModelsFilter(
        providers=normalise(question.providers),
        organisations=normalise(question.organisations),
        endpoints=normalise(question.include_endpoints),
        exclude_endpoints=normalise(question.exclude_endpoints),
        input_modalities=normalise(question.input_types),
        output_modalities=normalise(question.output_types),
        include_rumoured="rumoured" not in question.dropped_statuses,
        include_deprecated="deprecated" not in question.dropped_statuses,
        include_retired="retired" not in question.dropped_statuses,
    )


@pytest.mark.parametrize(("shape", "requests"), [("sectioned", 109), ("flat", 55)])
@pytest.mark.parametrize("dataset", DATASETS)
def test_index_selects_what_the_upstream_answered(
    shape: str, requests: int, dataset: str
) -> None:
    index = build_recorded_index(shape, dataset)
    cases = [
        case
        for case in read_recorded("truth")
        if (case["dataset"], case["shape"]) == (dataset, shape)
        # GraphQL has no filters for parameters of rows.
        and "params" not in (case["query"] if shape == "flat" else ())
    ]

    for case in cases:
        selection = select(index, read_filter(case["query_string"], shape))
        seen = [model.model_id for model in selection.window(0, selection.total)]
        if case["ids_cover"] == "page":
            start = int(case["offset"])
            seen = seen[start : start + case["limit"]]
        assert (selection.total, seen) == (case["total"], case["ids"]), case["query"]

    assert len(cases) == requests
