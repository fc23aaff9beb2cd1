"""Invented firms: names, tax ids with a right check digit, addresses, phones nobody answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from stdnum import luhn
from stdnum.iso7064 import mod_11_10

__all__ = ["TERMS", "Firm", "Person", "invent_firms", "invent_phone", "invent_street"]

TERMS = ("Due on receipt", "Net 14", "Net 30", "Net 60")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STEMS = _words(
    "Kestrel Harbinger Morrow Quillfeather Oakhaven Brightwell Thornbury Silverlake Larkspur "
    "Windermoor Ashgrove Fenwick Copperhill Northgate Redcliff Stonebridge Maplewood Greyfield "
    "Falkenrath Birkental Sonnhügel Weißbach Rotkamp Mühlgrund Lindenhof Eschenau Nordwinkel "
    "Valmoréau Clairbois Montrézin Sautereau Beaulinge Fontgrise Rivemont Hautelande Perrignol "
    "Waterlinde Duinveld Korenburg Zeevoort Bosrijk"
)
_TRADES = _words(
    "Pumps Bearings Packaging Interiors Logistics Optics Textiles Valves Ceramics Foods "
    "Instruments Joinery Coatings Lighting Robotics Bakery Timber Printing"
)
_FOREIGN = (
    "Ελαιώνας Αιγαίου", "Завод Сатурн", "東雲部品", "한빛정밀", "Ψηφίδα Κεραμική", "Ладога Снаб",
    "青葉商事", "Мельница Юг", "Θαλασσινά Νότου", "光洋電設",
)  # fmt: skip
_FIRST = _words(
    "Ada Bruno Celia Dario Edda Falk Greta Hugo Ines Jonas Kira Leon Mona Nils Olga Pia"
)
_LAST = _words(
    "Amberg Brandwell Corvino Dunmore Eskildt Farrowby Glimstedt Hollin Ivanek Jardell Kestova "
    "Lomberg Maddern Norquist Ostrava Pellingh"
)
_STREETS = {
    "DE": ("{} {}", ("Hafenstraße", "Mühlweg", "Am Anger", "Gartenallee", "Industriering")),
    "FR": ("{1} {0}", ("rue des Tanneurs", "avenue du Quai", "chemin Vert", "rue du Four")),
    "GB": ("{1} {0}", ("Tannery Lane", "Mill Street", "Quay Road", "Orchard Way")),
    "US": ("{1} {0}", ("Foundry Ave", "Cannery Row", "Prospect St", "Depot Rd")),
    "NL": ("{} {}", ("Kadelaan", "Molenpad", "Havenkade", "Lindelaan")),
    "BE": ("{} {}", ("Kaaistraat", "Molenweg", "Rue du Port", "Veldlaan")),
}
_TOWNS = {
    "DE": ("Bremen", "Kassel", "Ulm", "Chemnitz"), "FR": ("Nantes", "Dijon", "Rouen", "Metz"),
    "GB": ("Leeds", "Bristol", "Derby", "Norwich"), "US": ("Toledo", "Boise", "Tulsa", "Macon"),
    "NL": ("Zwolle", "Breda", "Delft", "Venlo"), "BE": ("Gent", "Mechelen", "Namur", "Hasselt"),
}  # fmt: skip
_LEGAL = {"DE": "GmbH", "FR": "SARL", "GB": "Ltd", "US": "Inc.", "NL": "B.V.", "BE": "BV"}
_US_AREAS = ("202", "303", "404", "505", "206", "617", "713", "415", "808", "619")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact; names and addresses are put together by chance."""

    first: str
    last: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """What is true about a firm; the two systems each hold it more or less."""

    base: str
    """The name without its legal form."""
    legal: str
    country: str
    tax_id: str
    domain: str
    phone: str
    terms: str
    street: str
    town: str
    postcode: str
    people: tuple[Person, Person]

    @property
    def name(self) -> str:
        """The name as the register has it."""
        return f"{self.base} {self.legal}"


def invent_firms(chance: random.Random) -> Iterator[Firm]:
    """Go on making firms; no two share a name, domain, tax id, phone or postal code."""
    bases = [f"{stem} {trade}" for stem in _STEMS for trade in _TRADES]
    chance.shuffle(bases)
    taken: set[str] = set()
    for number, base in enumerate([*_FOREIGN, *bases]):
        country = "DE" if number < len(_FOREIGN) else chance.choice(tuple(_LEGAL))
        tax_id = _tax_id(chance, country)
        while tax_id in taken:
            tax_id = _tax_id(chance, country)
        taken.add(tax_id)
        domain = _domain(base, number)
        yield Firm(
            base=base, legal=_LEGAL[country], country=country, tax_id=tax_id, domain=domain,
            phone=invent_phone(country, number), terms=chance.choice(TERMS),
            street=invent_street(chance, country),
            town=chance.choice(_TOWNS[country]), postcode=_postcode(country, number),
            people=(_person(chance, domain, country, number, 0),
                    _person(chance, domain, country, number, 1)),
        )  # fmt: skip


def invent_phone(country: str, number: int) -> str:
    """Make a phone number of a range kept free for fiction, or one that cannot be dialled."""
    match country:
        case "DE":
            return f"+49 30 2312{5000 + number % 1000}"
        case "FR":
            return f"+33 1 99 {number // 10000:02d} {number // 100 % 100:02d} {number % 100:02d}"
        case "GB":
            return f"+44 20 7946 {number % 1000:04d}"
        case "US":
            return f"+1 {_US_AREAS[number // 100 % 10]} 555 01{number % 100:02d}"
        case _:
            return f"+{'31' if country == 'NL' else '32'} 0 000 {number:04d}"


def invent_street(chance: random.Random, country: str) -> str:
    """Make a street with a house number."""
    form, streets = _STREETS[country]
    return form.format(chance.choice(streets), chance.randrange(1, 180))


def _person(chance: random.Random, domain: str, country: str, number: int, which: int) -> Person:
    # the two of a firm never share a name
    first = _FIRST[(chance.randrange(8) * 2 + which) % len(_FIRST)]
    last = chance.choice(_LAST)
    email = f"{first}.{last}@{domain}".casefold()
    return Person(first=first, last=last, email=email,
                  phone=invent_phone(country, 1000 * (which + 1) + number))  # fmt: skip


def _domain(base: str, number: int) -> str:
    """Make a domain under the ending that is reserved for examples."""
    text = base.casefold().replace("ß", "ss").translate(str.maketrans("üéèö", "ueeo"))
    words = "-".join(text.split())
    return f"{words if words.isascii() else f'firm-{number}'}.example"


def _postcode(country: str, number: int) -> str:
    match country:
        case "GB":
            return f"ZZ{number // 90 + 1} {number % 9 + 1}{chr(65 + number % 20)}X"
        case "NL":
            return f"{1000 + number} XZ"
        case "BE":
            return f"{1000 + number}"
        case _:
            return f"{10000 + number * 7:05d}"


def _tax_id(chance: random.Random, country: str) -> str:
    """Make a tax id whose check digits are right, so that matching may rely on it."""
    match country:
        case "DE":
            body = str(chance.randrange(10_000_000, 100_000_000))
            return f"DE{body}{mod_11_10.calc_check_digit(body)}"
        case "FR":
            body = str(chance.randrange(10_000_000, 100_000_000))
            siren = body + luhn.calc_check_digit(body)
            return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
        case "GB":
            body = str(chance.randrange(1_000_000, 10_000_000))
            total = sum(w * int(d) for w, d in zip(range(8, 1, -1), body, strict=True))
            return f"GB{body}{97 - total % 97:02d}"
        case "BE":
            body = str(chance.randrange(1_000_000, 10_000_000))
            return f"BE0{body}{97 - int(body) % 97:02d}"
        case "NL":
            while True:
                body = str(chance.randrange(10_000_000, 100_000_000))
                check = sum(w * int(d) for w, d in zip(range(9, 1, -1), body, strict=True)) % 11
                if check < 10:
                    return f"NL{body}{check}B01"
        case _:
            return f"04-{chance.randrange(1_000_000, 10_000_000)}"
