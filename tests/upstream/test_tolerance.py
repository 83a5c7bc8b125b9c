"""What is odd or sick in one place costs that place alone."""

import datetime
from typing import Any

import httpx
import pytest
import structlog

from catalograph.catalogue.query import FULL, ModelsPage
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status
from catalograph.errors import UpstreamResponseError
from catalograph.observability.metrics import REGISTRY
from upstream.fake_time import FakeUpstream, build_page

GOOD = {"model_id": "a/good", "data": {"input_types": ["text"]}, "gateway": {}}
GOOD_RECORD = Model(
    model_id="a/good",
    data=ModelData(input_modalities=("text",)),
    gateway=ModelGateway(),
)
ROW = {"api_provider_id": "p", "endpoint": "chat.completions"}


async def fetch(*rows: object) -> ModelsPage:
    return await FakeUpstream(build_page(*rows)).fetch()


def counted(what: str) -> float:
    name = "catalograph_upstream_malformed_total"
    return REGISTRY.get_sample_value(name, {"what": what}) or 0.0


# Odd, but good


async def test_null_is_taken_anywhere_but_for_ids() -> None:
    names = (
        "name release_date announcement_date deprecation_date retirement_date status"
    )
    nested = "api_provider_name link country_code provider_model_slug is_active_gateway"
    nested += " input_modalities output_modalities effective_from effective_to"
    nulls: dict[str, object] = dict.fromkeys(
        [*names.split(), "organisation", "aliases"]
    )

    page = await fetch(
        nulls | {"model_id": "a/1", "data": None, "gateway": None},
        nulls
        | {
            "model_id": "a/2",
            "organisation": {
                "organisation_id": "a",
                "name": None,
                "country_code": None,
            },
            "data": {"input_types": None, "output_types": None},
            "gateway": {"active": None, "endpoints": None, "providers": None},
        },
        nulls
        | {
            "model_id": "a/3",
            "data": {},
            "gateway": {"providers": [ROW | dict.fromkeys(nested.split())]},
        },
    )

    assert page.sections == FULL
    assert page.models[0] == Model(
        model_id="a/1", data=ModelData(), gateway=ModelGateway()
    )
    assert page.models[1].organisation is not None
    assert page.models[1].gateway == ModelGateway()
    offering = page.models[2].offerings[0]
    assert (offering.provider.provider_id, offering.provider.name) == ("p", None)
    assert (offering.input_modalities, offering.is_routable) == ((), True)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-12-18T00:00:00", datetime.date(2025, 12, 18)),
        ("2025-12-18", datetime.date(2025, 12, 18)),
        ("2025-12-18T00:00:00Z", datetime.date(2025, 12, 18)),
        ("2025-12-18T00:00:00.000+02:00", datetime.date(2025, 12, 18)),
        ("2025-12-18 23:30:00-11", datetime.date(2025, 12, 18)),
    ],
)
async def test_a_date_is_the_day_as_written(text: str, day: datetime.date) -> None:
    page = await fetch({"model_id": "a/b", "data": None, "release_date": text})

    assert page.models[0].release_date == day


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-12-18T01:02:03", datetime.datetime(2025, 12, 18, 1, 2, 3)),  # noqa: DTZ001
        ("2025-12-18", datetime.datetime(2025, 12, 18)),  # noqa: DTZ001
        ("2025-12-18T01:00:00Z", datetime.datetime(2025, 12, 18, 1)),  # noqa: DTZ001
        ("2025-12-18T01:00:00+02:00", datetime.datetime(2025, 12, 17, 23)),  # noqa: DTZ001
    ],
)
async def test_an_instant_is_in_utc_and_so_is_one_without_zone(
    text: str, instant: datetime.datetime
) -> None:
    row = ROW | {"effective_from": text, "effective_to": text}

    page = await fetch({"model_id": "a/b", "gateway": {"providers": [row]}})

    offering = page.models[0].offerings[0]
    assert offering.effective_from == instant.replace(tzinfo=datetime.UTC)
    assert offering.effective_to == instant.replace(tzinfo=datetime.UTC)
    assert offering.effective_from.tzinfo is datetime.UTC


async def test_values_and_fields_nobody_knows_are_passed_on_or_over() -> None:
    page = await fetch(
        {
            "model_id": "a/b+c",
            "status": "RESTING",
            "data": {"input_types": ["Smell"], "mood": 1},
            "gateway": {"endpoints": ["tele.pathy"], "prices": [{}]},
            "popularity": {"deep": [1, {"x": None}]},
        }
    )

    model = page.models[0]
    assert (model.status_label, model.status) == ("RESTING", Status.OTHER)
    assert model.input_modalities == ("Smell",)
    assert [endpoint.endpoint_id for endpoint in model.endpoints] == ["tele.pathy"]


# Sick


@pytest.mark.parametrize(
    "row",
    [
        None,
        17,
        "a/b",
        [],
        {},
        {"name": "no id"},
        {"model_id": None},
        {"model_id": ""},
        {"model_id": 17},
    ],
)
async def test_a_row_without_identity_costs_that_row(row: object) -> None:
    before = counted("model")

    page = await fetch(GOOD, row, GOOD | {"model_id": "a/last"})

    assert [model.model_id for model in page.models] == ["a/good", "a/last"]
    assert page.total == 3
    assert counted("model") == before + 1


SICK: list[Any] = [17, 1.5, True, {"a": 1}, [1]]


@pytest.mark.parametrize("value", SICK)
@pytest.mark.parametrize(
    "field",
    [
        "name",
        "status",
        "release_date",
        "announcement_date",
        "deprecation_date",
        "retirement_date",
        "organisation",
    ],
)
async def test_a_field_of_another_type_costs_that_field(
    field: str, value: object
) -> None:
    before = counted(field)

    page = await fetch(GOOD, GOOD | {"model_id": "a/sick", field: value})

    assert page.models == (GOOD_RECORD, _renamed("a/sick"))
    assert counted(field) == before + 1


def _renamed(model_id: str) -> Model:
    return Model(model_id=model_id, data=GOOD_RECORD.data, gateway=GOOD_RECORD.gateway)


@pytest.mark.parametrize("text", ["soon", "", "2025-13-01", "17", "9999-99-99T00:00"])
async def test_a_date_that_is_none_costs_that_field(text: str) -> None:
    before = counted("release_date"), counted("effective_to")

    page = await fetch(
        GOOD
        | {
            "release_date": text,
            "announcement_date": "2025-12-18",
            "gateway": {"providers": [ROW | {"effective_to": text}]},
        }
    )

    model = page.models[0]
    assert (model.release_date, model.announcement_date) == (
        None,
        datetime.date(2025, 12, 18),
    )
    assert [offering.effective_to for offering in model.offerings] == [None]
    assert (counted("release_date"), counted("effective_to")) == (
        before[0] + 1,
        before[1] + 1,
    )


async def test_an_instant_beyond_the_calendar_costs_that_field() -> None:
    row = ROW | {"effective_from": "0001-01-01T00:00:00+14:00"}

    page = await fetch(GOOD | {"gateway": {"providers": [row]}})

    assert [offering.effective_from for offering in page.models[0].offerings] == [None]


async def test_an_element_of_another_type_costs_that_element() -> None:
    page = await fetch(
        GOOD
        | {
            "aliases": ["a/x", None, 3, "a/y"],
            "data": {"input_types": [[], "text"], "output_types": "text"},
            "gateway": {"endpoints": [{}, "batch"], "active": "yes"},
        }
    )

    assert page.models == (
        Model(
            model_id="a/good",
            aliases=("a/x", "a/y"),
            data=ModelData(input_modalities=("text",)),
            gateway=ModelGateway(endpoints=page.models[0].endpoints),
        ),
    )
    assert [one.endpoint_id for one in page.models[0].endpoints] == ["batch"]


@pytest.mark.parametrize(
    "nested",
    [
        None,
        "p",
        {},
        {"api_provider_id": "p"},
        {"endpoint": "batch"},
        {"api_provider_id": None, "endpoint": "batch"},
        {"api_provider_id": "p", "endpoint": 5},
    ],
)
async def test_a_provider_row_without_identity_costs_that_row(nested: object) -> None:
    before = counted("providers")

    page = await fetch(GOOD | {"gateway": {"providers": [nested, ROW]}})

    assert [
        (row.provider.provider_id, row.endpoint.endpoint_id)
        for row in page.models[0].offerings
    ] == [("p", "chat.completions")]
    assert counted("providers") == before + 1


async def test_a_sick_field_of_a_provider_row_costs_that_field() -> None:
    nested = ROW | {"link": 7, "input_modalities": ["text", 7], "country_code": "DE"}

    page = await fetch(GOOD | {"gateway": {"providers": [nested]}})

    offering = page.models[0].offerings[0]
    assert (offering.provider.link, offering.provider.country_code) == (None, "DE")
    assert offering.input_modalities == ("text",)


async def test_a_section_missing_in_one_row_is_empty_there() -> None:
    before = counted("section")

    page = await fetch(GOOD, {"model_id": "a/bare"})

    assert page.sections == FULL
    assert page.models[1] == Model(
        model_id="a/bare", data=ModelData(), gateway=ModelGateway()
    )
    assert counted("section") == before + 1


async def test_half_a_character_costs_that_character() -> None:
    body = build_page(GOOD | {"name": "NAME"}, GOOD).content
    cut_emoji = body.replace(b"NAME", rb"Smile \ud83d")
    cut_bytes = body.replace(b"NAME", b"Smile \xf0\x9f")

    names = []
    for sick in (cut_emoji, cut_bytes):
        page = await FakeUpstream(httpx.Response(200, content=sick)).fetch()
        names.append([model.name for model in page.models])

    assert names == [["Smile ?", None], ["Smile \ufffd", None]]


async def test_a_sick_page_is_logged_once_with_what_it_lost() -> None:
    with structlog.testing.capture_logs() as lines:
        await fetch(
            GOOD | {"release_date": "soon"}, GOOD | {"release_date": "later"}, 17
        )

    assert lines == [
        {
            "event": "parts of an upstream page could not be read and were left out",
            "log_level": "warning",
            "lost": {"model": 1, "release_date": 2},
            "example": "model: bytes of length 2",
            "limit": 50,
            "offset": 0,
        }
    ]


@pytest.mark.parametrize("rows", [[None], [{}], [{"id": "a/b", "offers": []}] * 3])
async def test_a_page_without_any_known_model_is_no_page(rows: list[object]) -> None:
    with pytest.raises(UpstreamResponseError) as caught:
        await fetch(*rows)

    assert caught.value.detail == (
        f"models: none of {len(rows)} rows is a model of a version that is expected "
        "here (2025-12)"
    )
