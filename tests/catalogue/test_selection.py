import datetime

import pytest

from catalograph.catalogue.filter import EVERYTHING, DayRange, ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import Status
from catalograph.catalogue.selection import Anchor, build_anchor, select
from support.catalogues import RECORDED, build_index, build_model, build_recorded_index

CATALOGUE = build_index(
    [
        build_model(
            "meta/both",
            name="beta",
            status="Available",
            released="2025-01-02",
            organisation="meta",
            inputs=["Text", "image"],
            outputs=["text"],
            rows=[("azure", "batch"), ("groq", "chat")],
        ),
        build_model(
            "meta/azure",
            name="Alpha",
            status="RUMOURED",
            announced="2025-01-01",
            organisation="meta",
            aliases=["meta/alias"],
            inputs=["text"],
            rows=[("azure", "chat"), ("azure", "responses")],
        ),
        build_model(
            "openai/flat",
            name="beta",
            status="retired",
            released="2024-01-01",
            organisation="openai",
            outputs=["TEXT", "audio"],
            providers=["groq", "openai"],
            endpoints=["batch", "chat"],
        ),
        build_model("none/none", status="", organisation="none"),
        build_model("null/null", status="Deprecated"),
    ]
)


def list_ids(
    index: CatalogueIndex, asked: ModelsFilter, order: ModelsOrder | None = None
) -> list[str]:
    selection = select(index, asked, order=order)
    return [model.model_id for model in selection.window(0, selection.total)]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        pytest.param(
            EVERYTHING,
            ["meta/both", "meta/azure", "openai/flat", "none/none", "null/null"],
            id="no filter",
        ),
        pytest.param(
            ModelsFilter(providers=("azure", "nobody")),
            ["meta/both", "meta/azure"],
            id="a row of any provider, unknown ones aside",
        ),
        pytest.param(ModelsFilter(providers=("Azure",)), [], id="providers by case"),
        pytest.param(
            ModelsFilter(endpoints=("responses", "batch")),
            ["meta/both", "meta/azure", "openai/flat"],
            id="any endpoint",
        ),
        pytest.param(ModelsFilter(endpoints=("Batch",)), [], id="endpoints by case"),
        pytest.param(
            ModelsFilter(exclude_endpoints=("batch", "nothing")),
            ["meta/azure", "none/none", "null/null"],
            id="models without rows stay under an excluded endpoint",
        ),
        pytest.param(
            ModelsFilter(endpoints=("chat",), exclude_endpoints=("chat",)),
            [],
            id="the same endpoint wanted and excluded",
        ),
        pytest.param(
            ModelsFilter(providers=("azure",), endpoints=("chat",)),
            ["meta/azure"],
            id="one row satisfies provider and endpoint",
        ),
        pytest.param(
            ModelsFilter(providers=("azure",), exclude_endpoints=("chat",)),
            ["meta/both"],
            id="another provider's excluded endpoint does not matter",
        ),
        pytest.param(
            ModelsFilter(providers=("azure", "groq"), exclude_endpoints=("chat",)),
            [],
            id="any wanted provider's excluded endpoint does",
        ),
        pytest.param(
            ModelsFilter(providers=("openai",), endpoints=("batch",)),
            ["openai/flat"],
            id="without rows the lists of the model count",
        ),
        pytest.param(
            ModelsFilter(organisations=("openai", "null")),
            ["openai/flat"],
            id="an unknown organisation is not read from the id",
        ),
        pytest.param(
            ModelsFilter(organisations=("Meta",)), [], id="organisations by case"
        ),
        pytest.param(
            ModelsFilter(input_modalities=("TEXT",)),
            ["meta/both", "meta/azure"],
            id="modalities without case",
        ),
        pytest.param(
            ModelsFilter(output_modalities=("audio", "text")),
            ["meta/both", "openai/flat"],
            id="any output",
        ),
        pytest.param(
            ModelsFilter(all_input_modalities=("Image", "text")),
            ["meta/both"],
            id="all inputs",
        ),
        pytest.param(
            ModelsFilter(all_output_modalities=("audio", "nothing")),
            [],
            id="all outputs, one unknown",
        ),
        pytest.param(
            ModelsFilter(
                include_rumoured=False, include_deprecated=False, include_retired=False
            ),
            ["meta/both", "none/none"],
            id="statuses dropped without case",
        ),
        pytest.param(
            ModelsFilter(statuses=(Status.RUMOURED, Status.OTHER)),
            ["meta/azure", "none/none"],
            id="statuses wanted",
        ),
        pytest.param(
            ModelsFilter(model_ids=("null/null", "meta/both", "meta/alias")),
            ["meta/both", "meta/azure", "null/null"],
            id="ids and aliases, in catalogue order",
        ),
        pytest.param(
            ModelsFilter(is_routable=False),
            ["none/none", "null/null"],
            id="not routable",
        ),
        pytest.param(
            ModelsFilter(is_routable=True),
            ["meta/both", "meta/azure", "openai/flat"],
            id="routable",
        ),
        pytest.param(
            ModelsFilter(
                release_date=DayRange(
                    datetime.date(2024, 1, 1), datetime.date(2025, 1, 2)
                ),
            ),
            ["meta/both", "openai/flat"],
            id="both days included, announcements do not count",
        ),
        pytest.param(
            ModelsFilter(release_date=DayRange(datetime.date(2024, 1, 2))),
            ["meta/both"],
            id="no last day",
        ),
        pytest.param(
            ModelsFilter(release_date=DayRange(None, datetime.date(2025, 1, 1))),
            ["openai/flat"],
            id="no first day",
        ),
        pytest.param(
            ModelsFilter(
                release_date=DayRange(
                    datetime.date(2025, 1, 2), datetime.date(2024, 1, 1)
                ),
            ),
            [],
            id="days the wrong way round",
        ),
    ],
)
def test_filter(asked: ModelsFilter, ids: list[str]) -> None:
    assert list_ids(CATALOGUE, asked) == ids


@pytest.mark.parametrize(
    ("field", "ascending", "descending"),
    [
        pytest.param(
            OrderField.RELEASE_DATE,
            ["openai/flat", "meta/both", "meta/azure", "none/none", "null/null"],
            ["meta/both", "openai/flat", "meta/azure", "none/none", "null/null"],
            id="release date, announcements do not count",
        ),
        pytest.param(
            OrderField.NAME,
            ["meta/azure", "meta/both", "openai/flat", "none/none", "null/null"],
            ["meta/both", "openai/flat", "meta/azure", "none/none", "null/null"],
            id="name without case",
        ),
        pytest.param(
            OrderField.MODEL_ID,
            ["meta/azure", "meta/both", "none/none", "null/null", "openai/flat"],
            ["openai/flat", "null/null", "none/none", "meta/both", "meta/azure"],
            id="id",
        ),
    ],
)
def test_nulls_come_last_and_ties_go_by_id_in_both_directions(
    field: OrderField, ascending: list[str], descending: list[str]
) -> None:
    assert list_ids(CATALOGUE, EVERYTHING, ModelsOrder(field)) == ascending
    assert (
        list_ids(CATALOGUE, EVERYTHING, ModelsOrder(field, descending=True))
        == descending
    )


def test_filter_and_search_come_before_order_and_window() -> None:
    order = ModelsOrder(OrderField.MODEL_ID, descending=True)

    selection = select(
        CATALOGUE, ModelsFilter(is_routable=True), search="beta", order=order
    )

    assert selection.total == 2
    assert [m.model_id for m in selection.window(0, 1)] == ["openai/flat"]
    assert [m.model_id for m in selection.window(1, 5)] == ["meta/both"]


def test_a_window_past_the_end_is_empty() -> None:
    selection = select(CATALOGUE, EVERYTHING)

    assert selection.window(5, 50) == ()
    assert selection.window(10**30, 50) == ()


def test_equal_questions_share_one_answer() -> None:
    asked = ModelsFilter(providers=("azure",))

    first = select(CATALOGUE, asked, search="Beta!")
    second = select(CATALOGUE, ModelsFilter(providers=("azure",)), search=" beta ")

    assert first is second


def test_only_recent_selections_are_cached() -> None:
    first = select(CATALOGUE, EVERYTHING, search="first")

    for number in range(63):
        select(CATALOGUE, ModelsFilter(providers=(f"host-{number}",)))
    kept = select(CATALOGUE, EVERYTHING, search="first")
    for number in range(64):
        select(CATALOGUE, ModelsFilter(organisations=(f"lab-{number}",)))

    assert kept is first
    assert select(CATALOGUE, EVERYTHING, search="first") is not first


def test_anchors_hold_what_a_list_is_ordered_by() -> None:
    by_release = ModelsOrder(OrderField.RELEASE_DATE)
    announced = CATALOGUE.models[1]

    assert select(CATALOGUE, EVERYTHING).anchor(1) == Anchor(
        offset=1,
        model_id="meta/azure",
        date=datetime.date(2025, 1, 1),
        name="Alpha",
    )
    assert select(CATALOGUE, EVERYTHING, order=by_release).anchor(2) == Anchor(
        offset=2, model_id="meta/azure", name="Alpha"
    )
    assert build_anchor(announced, 1) == select(CATALOGUE, EVERYTHING).anchor(1)


def test_every_member_is_found_at_its_place() -> None:
    for order in (None, *(ModelsOrder(field) for field in OrderField)):
        for search in (None, "beta", "alpha"):
            selection = select(CATALOGUE, EVERYTHING, search=search, order=order)
            for place in range(selection.total):
                anchor = selection.anchor(place)
                assert selection.find_place(anchor) == (place, True)


def test_an_anchor_that_is_filtered_out_stands_before_the_next_member() -> None:
    anchor = select(CATALOGUE, EVERYTHING).anchor(1)

    narrowed = select(CATALOGUE, ModelsFilter(providers=("openai", "groq")))

    assert narrowed.find_place(anchor) == (1, False)


def test_a_model_that_moved_is_not_where_its_anchor_stands() -> None:
    old = Anchor(
        offset=0,
        model_id="openai/flat",
        date=datetime.date(2025, 6, 1),
        name="beta",
    )

    assert select(CATALOGUE, EVERYTHING).find_place(old) == (0, False)


def test_a_lost_model_leaves_a_gap_by_day_then_name_then_id() -> None:
    index = build_index(
        [
            build_model("x/1", name="b", released="2025-01-01"),
            build_model("x/3", name="b", released="2025-01-01"),
            build_model("x/4", name="c", released="2025-01-01"),
            build_model("x/5", name="a"),
        ]
    )
    everything = select(index, EVERYTHING)
    day = datetime.date(2025, 1, 1)

    for place, anchor in (
        (0, Anchor(offset=9, model_id="x/9", date=day, name="a")),
        (1, Anchor(offset=9, model_id="x/2", date=day, name="B")),
        (3, Anchor(offset=9, model_id="x/2", date=day, name="d")),
        (3, Anchor(offset=9, model_id="x/2", date=datetime.date(2024, 1, 1))),
        (3, Anchor(offset=9, model_id="x/2")),
        (4, Anchor(offset=9, model_id="x/2", name="b")),
    ):
        assert everything.find_place(anchor) == (place, False), anchor


def test_a_gap_is_found_where_the_upstream_orders_names_a_little_otherwise() -> None:
    """A single misplaced model does not move the gap."""
    day = "2025-01-01"
    index = build_index(
        build_model(f"x/{name}", name=name, released=day)
        for name in ("z", "a", "b", "c", "e", "f")
    )
    lost = Anchor(offset=4, model_id="x/d", date=datetime.date(2025, 1, 1), name="d")

    assert select(index, EVERYTHING).find_place(lost) == (4, False)


def test_an_anchor_of_another_list_is_taken_as_well_as_can_be() -> None:
    ranked = select(CATALOGUE, EVERYTHING, search="beta")
    listed = select(CATALOGUE, EVERYTHING)

    assert ranked.find_place(listed.anchor(0)) == (2, False)
    assert listed.find_place(ranked.anchor(0)) == (0, True)


def test_an_empty_list_has_every_anchor_at_its_start() -> None:
    empty = select(CATALOGUE, ModelsFilter(providers=("nobody",)))

    assert empty.total == 0
    assert empty.find_place(Anchor(offset=3, model_id="x")) == (0, False)
    with pytest.raises(IndexError):
        empty.anchor(0)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
@pytest.mark.parametrize("dataset", ["all", "natural", "extended"])
def test_each_recorded_model_leaves_its_gap_where_it_stood(dataset: str) -> None:
    models = build_recorded_index("sectioned", dataset).models

    for place in range(0, len(models), 31):
        index = build_index(models[:place] + models[place + 1 :])
        anchor = build_anchor(models[place], place)
        assert select(index, EVERYTHING).find_place(anchor) == (place, False)
