"""Secrets in texts of others: which parts are replaced, and that the rest stays readable."""

import pytest

from catalograph.redaction import hide, redact, redact_address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bearer abc.def", "[token]"),
        ('{"you_sent": "aistats_v1_k_1_x"}', '{"you_sent": "[token]"}'),
        ("to https://me:p4ss@h.example/v1", "to https://[user]@h.example/v1"),
        ("https://me:p@ss@h.example/", "https://[user]@h.example/"),
        ("https://me@h.example", "https://[user]@h.example"),
        ("/x?access_token=t0k3n&a=1", "/x?access_token=[secret]&a=1"),
        ("/x?a=1&X-Amz-Signature=ab%2F", "/x?a=1&X-Amz-Signature=[secret]"),
        ("/x#id_token=t0k3n", "/x#id_token=[secret]"),
        ("/models?limit=250&offset=0", "/models?limit=250&offset=0"),
        ("mail me@h.example", "mail me@h.example"),
    ],
)
def test_secrets_are_replaced_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://h.example/v2", "https://h.example/v2"),
        ("https://u:p@h.example/v2?code=s#f", "https://[user]@h.example/v2?…"),
        ("https://u:p?w@h.example/v2", "https://[user]@h.example/v2"),
        ("/v2/models/?state=s", "/v2/models/?…"),
        ("/v2#s", "/v2?…"),
        ("//u:p@h.example/v2", "//[user]@h.example/v2"),
    ],
)
def test_an_address_is_shown_without_its_query(address: str, shown: str) -> None:
    assert redact_address(address) == shown


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("ex", "text/plain: ex, (ex)", "text/plain: [token], ([token])"),
        ("long-secret", "xlong-secretx", "x[token]x"),
        ("a.b", "a.b axb", "[token] axb"),
        ("", "text", "text"),
    ],
)
def test_a_known_secret_is_hidden_without_cutting_words(
    secret: str, text: str, shown: str
) -> None:
    assert hide(text, secret) == shown
