"""Parameters are parsed as the upstream was observed to parse them."""

import pytest

from catalograph.demo.parameters import (
    Parameters,
    parse_boolean,
    parse_limit,
    parse_offset,
    print_decimal,
    print_number,
    split_list,
)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("a,b", ["a", "b"]),
        ("a b\tc\nd", ["a", "b", "c", "d"]),
        (" a , b ", ["a", "b"]),
        ("{a,b}", ["a", "b"]),
        ('{"a","b"}', ["a", "b"]),
        ("{a b,c}", ["a b", "c"]),
        ("a;b", ["a;b"]),
        ("a|b", ["a|b"]),
        ("[a,b", ["[a", "b"]),
        ("", []),
        (" , ,", []),
        ("{}", []),
    ],
)
def test_lists_are_split(value: str, items: list[str]) -> None:
    assert split_list(value) == items


def test_lists_can_be_repeated_in_any_mixture() -> None:
    parameters = Parameters("provider=a,b&x=1&provider=c+d&provider=%7Be%2Cf%7D")

    assert parameters.read_list("provider") == ("a", "b", "c", "d", "e", "f")


def test_names_are_case_sensitive() -> None:
    assert Parameters("LIMIT=3").read_limit() == 50


def test_of_a_repeated_number_the_first_counts() -> None:
    parameters = Parameters("limit=5&limit=7&offset=&offset=3")

    assert (parameters.read_limit(), parameters.read_offset()) == (5, 0.0)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("", 50),
        ("0", 50),
        ("-1", 50),
        ("0.9", 50),
        ("abc", 50),
        ("Infinity", 50),
        ("-Infinity", 50),
        ("1e999", 50),
        ("0x" + "f" * 300, 50),
        ("5abc", 50),
        ("1,5", 50),
        ("1_0", 50),
        ("nan", 50),
        ("inf", 50),
        ("-0x10", 50),
        ("٣", 50),
        ("1", 1),
        ("+3", 3),
        (".5e1", 5),
        ("5.", 5),
        (" 5 ", 5),
        ("2.7", 2),
        ("1e2", 100),
        ("0x10", 16),
        ("0B11", 3),
        ("0o17", 15),
        ("250", 250),
        ("251", 250),
        ("1e30", 250),
    ],
)
def test_a_limit_is_corrected(value: str, limit: int) -> None:
    assert parse_limit(value) == limit


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("", "0"),
        ("-5", "0"),
        ("-0.5", "0"),
        ("abc", "0"),
        ("Infinity", "0"),
        ("2.7", "2"),
        ("100000", "100000"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678901", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
    ],
)
def test_an_offset_is_corrected_and_printed(value: str, printed: str) -> None:
    assert print_number(parse_offset(value)) == printed


@pytest.mark.parametrize("value", ["false", "0", "no", "off", "FALSE", " No ", "oFF"])
def test_four_words_switch_off(value: str) -> None:
    assert parse_boolean(value) is False


@pytest.mark.parametrize(
    "value", ["true", "1", "yes", "on", "f", "n", "2", "null", "", "maybe"]
)
def test_every_other_value_is_on(value: str) -> None:
    assert parse_boolean(value) is True


def test_two_names_of_one_list_are_united() -> None:
    parameters = Parameters("input_modalities=Image&input_types=text,AUDIO")

    assert parameters.read_types("input_types", "input_modalities") == (
        "text",
        "audio",
        "image",
    )


def test_a_word_is_the_first_value_without_case_and_white_space() -> None:
    parameters = Parameters("availability=%20All%09&availability=active&empty")

    assert parameters.read_word("availability") == "all"
    assert parameters.read_word("absent") == ""
    assert parameters.read_first("availability") == " All\t"
    assert "empty" in parameters
    assert "absent" not in parameters


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (300.0, "300"),
        (0.025, "0.025"),
        (0.00004083, "0.00004083"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (0.00000025, "2.5e-7"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_decimals_are_printed_as_javascript_does(number: float, text: str) -> None:
    assert print_decimal(number) == text
