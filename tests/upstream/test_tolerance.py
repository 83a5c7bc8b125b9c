"""An odd or invalid value affects only the field or row that contains it."""

import contextlib
import datetime
from typing import Any

import httpx
import pytest
import structlog

from catalograph.catalogue.query import FULL, ModelsPage
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status
from catalograph.errors import UpstreamResponseError, UpstreamUnavailableError
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


async def test_unknown_values_are_passed_on_and_unknown_fields_ignored() -> None:
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
async def test_an_invalid_date_costs_that_field(text: str) -> None:
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


async def test_a_malformed_field_of_a_provider_row_costs_that_field() -> None:
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


async def test_a_lone_surrogate_costs_that_character() -> None:
    body = build_page(GOOD | {"name": "NAME"}, GOOD).content
    cut_emoji = body.replace(b"NAME", rb"Smile \ud83d")
    cut_bytes = body.replace(b"NAME", b"Smile \xf0\x9f")

    names = []
    for sick in (cut_emoji, cut_bytes):
        page = await FakeUpstream(httpx.Response(200, content=sick)).fetch()
        names.append([model.name for model in page.models])

    assert names == [["Smile \ufffd", None], ["Smile \ufffd", None]]


async def test_a_malformed_page_is_logged_once_with_its_losses() -> None:
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
async def test_a_page_without_any_known_model_is_an_error(rows: list[object]) -> None:
    with pytest.raises(UpstreamResponseError) as caught:
        await fetch(*rows)

    assert caught.value.detail == (
        f"models: none of {len(rows)} rows is a model of a version that is expected "
        "here (2025-12)"
    )


def build_body(**texts: bytes) -> bytes:
    """A page of one good model, some of whose values are written by hand."""
    body = build_page(GOOD | {name: f"@{name}@" for name in texts}).content
    for name, text in texts.items():
        body = body.replace(f'"@{name}@"'.encode(), text)
    return body


async def fetch_body(body: bytes, content_type: str = "application/json") -> Model:
    headers = {"content-type": content_type}
    answer = httpx.Response(200, headers=headers, content=body)
    return (await FakeUpstream(answer).fetch()).models[0]


@pytest.mark.parametrize(
    "literal",
    [
        *(b"NaN", b"Infinity", b"-Infinity", b"undefined", b"None", b"True", b"nil"),
        *(b"0x10", b"01", b"+1", b".5", b"1.", b"1e", b"'single'", b"-"),
        *(b"1e999", b"-1E+400", b"9" * 400),
    ],
)
async def test_what_is_no_literal_costs_its_field(literal: bytes) -> None:
    model = await fetch_body(
        build_body(release_date=literal, name=b'"NaN, {x}: [0x1]"')
    )

    assert (model.name, model.release_date) == ("NaN, {x}: [0x1]", None)


async def test_a_literal_in_a_list_costs_its_element() -> None:
    model = await fetch_body(build_body(aliases=b'["a/b", NaN, "a/c", undefined]'))

    assert model.aliases == ("a/b", "a/c")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ude00 \ud83d\ud83d\ude00"', "\ufffd \ufffd\U0001f600"),
        (rb'"\\ud83d \ud83d"', r"\ud83d" + " \ufffd"),
        (rb'"\" \ud83d"', '" \ufffd'),
    ],
)
async def test_only_half_characters_are_replaced(text: bytes, name: str) -> None:
    assert (await fetch_body(build_body(name=text))).name == name


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("iso-8859-1", "latin-1"),
        ("ISO-8859-15", "iso-8859-15"),
        ("windows-1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("UTF-16LE", "utf-16-le"),
        ("utf-8", "utf-8-sig"),
        ("utf-8", "utf-8"),
        ("nonsense", "utf-8"),
        ("unicode_escape", "utf-8"),
    ],
)
async def test_a_body_is_decoded_by_its_declared_charset(
    charset: str, codec: str
) -> None:
    body = build_body(name='"Élan"'.encode()).decode().encode(codec)

    model = await fetch_body(body, f'application/json; charset="{charset}"')

    assert model.name == "Élan"


async def test_what_looks_like_a_key_is_never_logged() -> None:
    row = GOOD | {"name": ["x", "Bearer aistats_v1_k_a_b"], "release_date": "Bearer s"}
    bodies = [
        build_page(row).content,
        b'{"a": "Bearer aistats_v1_k_kid_secret"',
        b"phaseo_v1_sk_kid_" + b"s" * 200,
    ]
    with structlog.testing.capture_logs() as lines:
        for body in bodies:
            with contextlib.suppress(UpstreamResponseError):
                await FakeUpstream(httpx.Response(200, content=body)).fetch()
        refusal = httpx.Response(500, content=b"x" * 280 + b" Bearer phaseo_v1_sk_ab_c")
        with contextlib.suppress(UpstreamUnavailableError):
            await FakeUpstream(refusal).fetch()

    assert len(lines) == 4
    assert "secret" not in str(lines)
    assert "_v1_" not in str(lines)
    assert "earer" not in str(lines)


async def test_what_is_too_long_costs_its_field() -> None:
    row = GOOD | {"name": "n" * 100_000, "aliases": ["a/b", "x" * 1_000, "a/c"]}
    many = GOOD | {"model_id": "a/many", "aliases": [f"a/{n}" for n in range(5_000)]}
    huge = GOOD | {"model_id": "a/huge", "status": "s" * 2_000_000}
    upstream = FakeUpstream(build_page(row, many, huge))

    page = await upstream.fetch()

    assert [model.model_id for model in page.models] == [GOOD["model_id"], "a/many"]
    assert page.models[0].name is None
    assert page.models[0].aliases == ("a/b", "a/c")
    assert len(page.models[1].aliases) == 1_000


async def test_a_total_that_no_catalogue_has_is_refused() -> None:
    for total in (1_000_001, 10**12, 10**26):
        with pytest.raises(UpstreamResponseError):
            await FakeUpstream(build_page(GOOD, total=total)).fetch()
    page = await FakeUpstream(build_page(GOOD, total=1_000_000)).fetch()

    assert page.total == 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        *("20240101", "20240101xx", "2024-W01-1", "2024-01-01  ", "2024-01-01\x00"),
        *("2024-01-01T", "2024-01-01T1", "2024-1-1", "202\uff14-01-01", "2024-02-30"),
    ],
)
async def test_only_days_as_written_are_days(text: str) -> None:
    page = await FakeUpstream(build_page(GOOD | {"release_date": text})).fetch()

    assert page.models[0].release_date is None
