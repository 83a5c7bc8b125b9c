"""Names sort as the CLDR root collation sorts them."""

from catalograph.catalogue.collation import collation_key


def test_white_space_punctuation_digits_letters_follow_each_other() -> None:
    in_order = [
        "",
        "a",
        "a b",
        "a-b",
        "a.b",
        "a(b)",
        "a+b",
        "a1",
        "a9",
        "ab",
        "b",
        "é",
        "ü",
        "ω",
        "я",
        "模型",
    ]

    backwards = in_order[::-1]

    assert sorted(backwards, key=collation_key) == in_order


def test_case_does_not_count() -> None:
    assert collation_key("GPT-4o Mini") == collation_key("gpt-4O mini")


def test_accents_count_only_between_names_that_are_equal_without_them() -> None:
    assert sorted(["resumé b", "résume a", "resume b"], key=collation_key) == [
        "résume a",
        "resume b",
        "resumé b",
    ]


def test_a_composed_and_a_decomposed_name_are_one() -> None:
    assert collation_key("\N{LATIN SMALL LETTER E WITH ACUTE}") == collation_key(
        "e\N{COMBINING ACUTE ACCENT}"
    )
