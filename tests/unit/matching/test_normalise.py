"""Forms of names, domains, phones and tax ids in which equal things are equal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.matching.normalise import (
    domain_key,
    email_key,
    name_key,
    phone_key,
    postcode_key,
    tax_key,
)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Acme, Inc.", "ACME"),
        ("Müller & Söhne GmbH & Co. KG", "Muller and Sohne"),
        ("Müller GmbH", "Muller"),
        ("The Boring Company", "Boring Co."),
        ("Société Générale S.A.", "societe generale"),
        ("O'Neil Ltd", "ONeil Limited"),
        ("Straße AG", "Strasse"),
        ("Acme\tTrading   Ltd.", "acme trading"),
        ("Ｆｕｌｌｗｉｄｔｈ Corp", "fullwidth"),
    ],
)
def test_the_same_company(one: str, two: str) -> None:
    assert name_key(one) == name_key(two) != ""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Acme North", "Acme South"),
        ("A B", "AB"),
        ("株式会社山田", "株式会社山本"),
        ("Acme 1", "Acme 2"),
        ("Co", "Inc"),
    ],
)
def test_other_companies(one: str, two: str) -> None:
    assert name_key(one) != name_key(two)


@pytest.mark.parametrize("name", ["Co. KG", "AG", "The", "Inc", "The Co", "& Co"])
def test_a_name_of_nothing_but_legal_forms_keeps_something(name: str) -> None:
    assert name_key(name) != ""


@pytest.mark.parametrize("name", [None, "", "   ", "...", "!!!", "\x00", "🎉"])
def test_what_is_no_name_matches_nothing(name: str | None) -> None:
    assert name_key(name) == ""


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://www.acme.co.uk/shop?x=1", "acme.co.uk"),
        ("ACME.com", "acme.com"),
        ("jo@mail.acme.com", "acme.com"),
        ("http://acme.com:8080", "acme.com"),
        ("https://münchen.de", "münchen.de"),
        ("jane@gmail.com", ""),
        ("https://facebook.com/acme", ""),
        ("acme.github.io", "acme.github.io"),
        ("github.io", ""),
        ("localhost", ""),
        ("192.168.0.1", ""),
        ("co.uk", ""),
        ("", ""),
        (None, ""),
        ("n/a", ""),
        ("@", ""),
        ("http://", ""),
    ],
)
def test_domain(address: str | None, domain: str) -> None:
    assert domain_key(address) == domain


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("+49 (0)711 123456-7", "0711/1234567"),
        ("+1 555 010 9999", "555-010-9999"),
    ],
)
def test_the_same_phone(one: str, two: str) -> None:
    assert phone_key(one) == phone_key(two) != ""


@pytest.mark.parametrize("phone", [None, "", "n/a", "123456", "ext. 12"])
def test_what_is_too_short_to_be_a_phone_matches_nothing(phone: str | None) -> None:
    assert phone_key(phone) == ""


def test_plain_keys() -> None:
    assert email_key("  Jo@Acme.COM ") == "jo@acme.com"
    assert email_key(None) == ""
    assert postcode_key("sw1a 1aa") == postcode_key("SW1A1AA") == "sw1a1aa"
    assert postcode_key(None) == ""


@pytest.mark.parametrize(
    ("number", "country", "key"),
    [
        ("DE 136 695 976", None, ("DE136695976", True)),
        ("136695976", "DE", ("DE136695976", True)),
        ("de136695976", "FR", ("DE136695976", True)),
        ("136695977", "DE", ("136695977", False)),
        ("136695976", None, ("136695976", False)),
        ("91-1144442", "US", ("US911144442", True)),
        ("XX123", None, ("XX123", False)),
        ("FR 40 303 265 045", None, ("FR40303265045", True)),
        ("", "DE", ("", False)),
        (None, None, ("", False)),
        ("---", "DE", ("", False)),
        ("1", "ZZ", ("1", False)),
    ],
)
def test_tax_id(number: str | None, country: str | None, key: tuple[str, bool]) -> None:
    assert tax_key(number, country) == key


@pytest.mark.parametrize(
    "make", [name_key, domain_key, email_key, phone_key, postcode_key, tax_key]
)
@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "\x00Acme\x00",
        "🎉🎉🎉",
        "Acme 🎉",
        "x" * 10_000,
        "é" * 10_000,
        "." * 10_000,
        "a." * 5_000,
        "@" * 10_000,
        "http://" + "a" * 10_000 + ".com",
        "[::1",
        "http://[bad",
        "\ud800",
        "‮moc.live",
        "١٢٣٤٥٦٧٨٩",
        "9" * 10_000,
        "⁹⁹⁹⁹⁹⁹⁹⁹⁹",
    ],
)
def test_garbage_is_survived(make: Callable[[str], object], text: str) -> None:
    make(text)


@given(st.text(max_size=60))
def test_a_name_key_is_a_form_of_itself(name: str) -> None:
    key = name_key(name)
    assert name_key(name.upper()) == name_key(name.upper().lower())
    assert key == " ".join(key.split())


@given(st.text(max_size=40), st.sampled_from([None, "DE", "US", "GB", "BR", "", "??"]))
def test_any_text_may_stand_in_a_tax_id(text: str, country: str | None) -> None:
    key, valid = tax_key(text, country)
    assert not valid or key
