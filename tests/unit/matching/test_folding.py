"""Forms in which equal things are equal."""

from __future__ import annotations

import pytest

from interlock.matching.normalise import fold_column, split_name, split_site, split_street, tax_form


def core(name: str) -> str:
    return split_name(fold_column([name])[0])[0]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Möbel Martin GmbH & Co. KG", "MOBEL MARTIN"),
        ("Foo S.p.A.", "foo spa"),
        ("The A.B.C. Company, Inc.", "ABC"),
        ("株式会社トヨタ", "トヨタ"),
        ("Kowalski Sp. z o.o.", "KOWALSKI"),
        ("M\u2019Amo Ristorante", "M'AMO RISTORANTE"),
        ("Dr.Smith Co.,Ltd.", "dr smith"),
        ("Plais Mfg Corp.", "Plais Manufacturing"),
        ("\uff21\uff23\uff2d\uff25", "acme"),
        ("Ørsted A/S", "orsted"),
    ],
)
def test_names_written_differently_are_one(one: str, two: str) -> None:
    assert core(one) == core(two)


@pytest.mark.parametrize("name", ["GmbH", "The Company", "Inc."])
def test_a_name_of_legal_forms_alone_keeps_a_word(name: str) -> None:
    assert core(name)


def test_the_legal_form_is_told_in_its_short_spelling() -> None:
    assert split_name("acme corporation") == ("acme", "corp")
    assert split_name("acme") == ("acme", "")


def test_a_column_keeps_its_rows_whatever_is_in_them() -> None:
    values = ["a\nb", None, "", "x\r\ny", "\x00", "🙂", "\u2028z", "ok"]
    folded = fold_column(values)
    assert len(folded) == len(values)
    assert folded[-1].strip() == "ok"
    assert fold_column([]) == []


@pytest.mark.parametrize(
    ("site", "domain"),
    [
        ("https://www.acme.co.uk:8080/shop?x=1", "acme.co.uk"),
        ("sales@Acme.com", "acme.com"),
        ("https://shop.myshopify.com/", "shop.myshopify.com"),
        ("https://www.facebook.com/acme", ""),
        ("gmail.com", ""),
        ("someone@t-online.de", ""),
        ("localhost", ""),
        ("10.0.0.1", ""),
        ("not a site.com", ""),
        ("co.uk", ""),
        ("x.ck", ""),
        ("a.b.ck", "a.b.ck"),
        ("www.ck", "www.ck"),
    ],
)
def test_only_a_companys_own_domain_counts(site: str, domain: str) -> None:
    assert split_site(site)[0] == domain


def test_a_deep_page_is_told_from_the_front_page() -> None:
    assert split_site("http://acme.com/index.html")[1] == ""
    assert split_site("http://www.acme.com/stores/12/?utm=3")[1] == "stores/12"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Franziusstraße 8", "Franziusstr. 8"),
        ("7 Shimlor Avenue", "7 shimlor ave"),
        ("3 Foo Road, Suite 12", "3 Foo Rd"),
        ("Viale Romagna, 330", "330 Viale Romagna"),
        ("\uff11\uff12 Elm Street", "12 Elm St."),
    ],
)
def test_streets_written_differently_are_one(one: str, two: str) -> None:
    assert split_street(fold_column([one])[0]) == split_street(fold_column([two])[0])


@pytest.mark.parametrize(
    ("one", "country", "two"),
    [("136 695 976", "DE", "DE136695976"), ("EL094259216", "GR", "GR094259216"),
     ("64-6982445", "US", "US646982445")],
)  # fmt: skip
def test_tax_ids_carry_their_country(one: str, country: str, two: str) -> None:
    assert tax_form(one, country) == two


@pytest.mark.parametrize("nothing", ["n/a", "---", "none", "0", "???"])
def test_what_is_no_tax_id_is_none(nothing: str) -> None:
    assert tax_form(nothing, "DE") == ""
