import pytest

from catalograph.catalogue.filter import EVERYTHING
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import Organisation
from catalograph.catalogue.search import fold_words
from catalograph.catalogue.selection import select
from support.catalogues import build_index, build_model

CATALOGUE = build_index(
    [
        build_model(
            "openai/gpt-4o-mini-2024-07-18",
            name="GPT-4o mini",
            organisation="openai",
            aliases=["openai/small"],
        ),
        build_model("openai/gpt-4o-2024", name="GPT-4o", organisation="openai"),
        build_model(
            "mistral/ete",
            name="Modèle Été — 模型",
            organisation=Organisation(organisation_id="mistral", name="Mistral AI"),
        ),
        build_model(
            "anthropic/claude-3-5-sonnet",
            name="Claude 3.5 Sonnet",
            organisation="anthropic",
        ),
        build_model("lab/unnamed_one", description="A tiny one."),
    ]
)


def search(text: str, index: CatalogueIndex = CATALOGUE) -> list[str]:
    selection = select(index, EVERYTHING, search=text)
    return [model.model_id for model in selection.window(0, selection.total)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GPT-4o  mini!", ("gpt", "4o", "mini")),
        ("Modèle ÉTÉ", ("modele", "ete")),
        ("straße ﬁn ²", ("strasse", "fin", "2")),
        ("snake_case/a.b+c", ("snake", "case", "a", "b", "c")),
        ("模型", ("模型",)),
        ("İstanbul", ("istanbul",)),
        (" — !?", ()),
        ("", ()),
    ],
)
def test_words_are_folded(text: str, words: tuple[str, ...]) -> None:
    assert fold_words(text) == words


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("unnamed", ["lab/unnamed_one"], id="by id"),
        pytest.param("ONE unnamed", ["lab/unnamed_one"], id="in any order"),
        pytest.param("small", ["openai/gpt-4o-mini-2024-07-18"], id="by alias"),
        pytest.param("ai mistral", ["mistral/ete"], id="by organisation's name"),
        pytest.param("anthropic", ["anthropic/claude-3-5-sonnet"], id="by its id"),
        pytest.param("modele ete", ["mistral/ete"], id="without accents"),
        pytest.param("MODÈLE", ["mistral/ete"], id="with accents and case"),
        pytest.param("模", ["mistral/ete"], id="beyond Latin"),
        pytest.param("son cla", ["anthropic/claude-3-5-sonnet"], id="beginnings"),
        pytest.param("audesonn", [], id="not the middle of a word"),
        pytest.param("cluade", ["anthropic/claude-3-5-sonnet"], id="letters swapped"),
        pytest.param("sonet", ["anthropic/claude-3-5-sonnet"], id="a letter missing"),
        pytest.param("mistrral", ["mistral/ete"], id="a letter too many"),
        pytest.param("open ai mini", ["openai/gpt-4o-mini-2024-07-18"], id="split"),
        pytest.param("the best claude", ["anthropic/claude-3-5-sonnet"], id="fillers"),
        pytest.param("claude gpt", [], id="every word must match"),
        pytest.param("claude3.5", ["anthropic/claude-3-5-sonnet"], id="joined"),
        pytest.param("claude35", ["anthropic/claude-3-5-sonnet"], id="joined twice"),
        pytest.param("35", ["anthropic/claude-3-5-sonnet"], id="numbers joined"),
        pytest.param("unnamedone", ["lab/unnamed_one"], id="spelt in full"),
        pytest.param("xyzzy", [], id="nothing"),
    ],
)
def test_search_finds(text: str, ids: list[str]) -> None:
    assert search(text) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("—", ["mistral/ete"]),
        ("_", ["lab/unnamed_one"]),
        pytest.param(" / ", [], id="the slash that all ids have"),
        ("?!", []),
        ("+", []),
    ],
)
def test_signs_find_what_has_them_or_nothing(text: str, ids: list[str]) -> None:
    assert search(text) == ids


@pytest.mark.parametrize("text", ["", "  \t"])
def test_a_blank_search_is_none(text: str) -> None:
    assert select(CATALOGUE, EVERYTHING, search=text).window(0, 9) == CATALOGUE.models


def test_what_is_spelt_in_full_comes_first() -> None:
    for text in ("gpt-4o", "GPT 4o", "gpt4o", "openai/gpt-4o-2024", "gpt-4o-2024"):
        assert search(text)[0] == "openai/gpt-4o-2024", text


def test_whole_words_come_before_beginnings_and_names_before_organisations() -> None:
    index = build_index(
        [
            build_model("a/org-prefix", name="Z", organisation="novalabs"),
            build_model("a/name-prefix", name="Novastar"),
            build_model("a/org-word", name="Y", organisation="nova"),
            build_model("a/name-inside", name="Amazon Nova Pro"),
            build_model("a/name-word", name="Nova Pro"),
            build_model("a/name-exact", name="Nova"),
        ]
    )

    assert search("nova", index) == [
        "a/name-exact",
        "a/name-inside",
        "a/name-word",
        "a/org-word",
        "a/name-prefix",
        "a/org-prefix",
    ]


def test_equal_matches_keep_catalogue_order() -> None:
    index = build_index(build_model(f"x/{i}", name="Same name") for i in (3, 1, 2))

    assert search("same", index) == ["x/3", "x/1", "x/2"]


def test_active_models_come_first_among_equals() -> None:
    index = build_index(
        [
            build_model("x/retired", name="Same one", status="Retired"),
            build_model("x/off", name="Same two"),
            build_model("x/on", name="Same three", rows=[("azure", "chat")]),
        ]
    )

    assert search("same", index) == ["x/on", "x/off", "x/retired"]


def test_scores_fall_along_the_list_and_stay_when_others_come_and_go() -> None:
    before = select(CATALOGUE, EVERYTHING, search="gpt 4o")
    fewer = build_index([CATALOGUE.models[1]])

    scores = [before.anchor(place).score or 0 for place in range(before.total)]

    assert scores == sorted(scores, reverse=True)
    assert select(fewer, EVERYTHING, search="gpt 4o").anchor(0).score == scores[0]


def test_a_word_of_a_description_counts_beside_names_that_have_it() -> None:
    index = build_index(
        [
            build_model("a/context-1", name="Context 1"),
            build_model("a/two", name="Two", description="A long context."),
            build_model("a/three", name="Three", description="Takes long."),
        ]
    )

    assert search("context", index) == ["a/context-1", "a/two"]
    assert search("long context", index) == ["a/two"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("window", ["x/one", "x/many"]),
        ("windows", ["x/many", "x/one"]),
        ("charts", ["x/one"]),
        ("tables", ["x/many"]),
        ("glass", ["x/glas"]),
        ("v1s", []),
    ],
)
def test_singular_and_plural_match_each_other(text: str, ids: list[str]) -> None:
    index = build_index(
        [
            build_model("x/many", name="Windows", description="For one table."),
            build_model("x/one", name="Window", description="For any chart."),
            build_model("x/glas", name="Glas v1"),
        ]
    )

    assert search(text, index) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("speech to text", ["x/hears"]),
        ("text-to-speech", ["x/speaks"]),
        ("texttospeech", ["x/speaks"]),
        ("hears speech to text", ["x/hears"]),
        ("text to video", []),
    ],
)
def test_a_phrase_of_abilities_is_one_word(text: str, ids: list[str]) -> None:
    index = build_index(
        [
            build_model("x/speaks", name="Speaks", rows=[("p", "audio.speech")]),
            build_model("x/hears", name="Hears", rows=[("p", "audio.transcription")]),
        ]
    )

    assert search(text, index) == ids


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("claude gpt", "claude"),
        pytest.param("tiny claude", "claude", id="a name is worth more"),
        pytest.param("the claude with gpt", "claude", id="without stop words"),
        pytest.param("mite", None, id="half of a short word is not close"),
        ("cluade gpt", "claude"),
        ("sonnnett haiku", "sonnet"),
        ("xyzzy", None),
        ("??", None),
    ],
)
def test_a_search_without_results_has_a_suggestion(
    text: str, suggestion: str | None
) -> None:
    assert CATALOGUE.words.suggest(fold_words(text)) == suggestion


def test_more_words_than_score_must_match_all_the_same() -> None:
    words = [f"w{i}" for i in range(20)]
    index = build_index([build_model("x/y", name=" ".join(words))])

    assert search(" ".join(words), index) == ["x/y"]
    assert search(" ".join(reversed(words)), index) == ["x/y"]
    assert search(" ".join([*words, "w20"]), index) == []


def test_a_huge_search_is_answered_at_once() -> None:
    assert search("gpt " * 50_000) == search("gpt")
    assert search(" ".join(str(i) for i in range(50_000))) == []
