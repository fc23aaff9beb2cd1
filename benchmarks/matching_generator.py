"""Make two customer lists of any size with invented companies, noise and known links.

Usage: python benchmarks/matching_generator.py 100000 OUT_FOLDER [--seed 1]
Writes left.csv, right.csv (id, name, website, street, city, region, postcode, country, phone,
tax_id) and gold.csv (left_id, right_id).  The same size and seed give the same files.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator
from pathlib import Path

COLUMNS = [
    "id",
    "name",
    "website",
    "street",
    "city",
    "region",
    "postcode",
    "country",
    "phone",
    "tax_id",
]
ONSETS = "b br c ch cl cr d dr f fl fr g gl gr h j k kl l m n p pl pr qu r s sh sk sl st t tr v w z"
VOWELS = "a e i o u ai ea io ou"
CODAS = "l m n r s t x ck nd nt rk st"
TRADES = (  # noqa: SIM905
    "Logistics Foods Pharma Textiles Packaging Optics Media Steel Plastics Trading Systems "
    "Partners Consulting Engineering Technologies Services Solutions Marine Travel Energy "
    "Construction Electronics Furniture Software Chemicals Automotive"
).split()
FIRST = [*[""] * 5, "Global ", "National ", "Central ", "Coastal ", "United "]
FORMS = {
    "US": ("Inc.", "LLC", "Corp.", "Co."),
    "GB": ("Ltd", "PLC", "Limited"),
    "DE": ("GmbH", "AG", "GmbH & Co. KG"),
    "FR": ("SARL", "SAS", "S.A."),
    "ES": ("S.L.", "S.A."),
    "SE": ("AB",),
    "NL": ("B.V.", "N.V."),
    "IT": ("S.r.l.", "S.p.A."),
}
CODES = {
    "US": "1",
    "GB": "44",
    "DE": "49",
    "FR": "33",
    "ES": "34",
    "SE": "46",
    "NL": "31",
    "IT": "39",
}
STREETS = {
    "US": ("{n} {w} {t}", ("Street", "Ave", "Road", "Blvd", "Drive")),
    "GB": ("{n} {w} {t}", ("Road", "Street", "Lane")),
    "DE": ("{w}{t} {n}", ("straße", "weg")),
    "FR": ("{n} {t} {w}", ("Rue", "Avenue")),
    "ES": ("{t} {w} {n}", ("Calle", "Avenida")),
    "SE": ("{w}{t} {n}", ("gatan", "vägen")),
    "NL": ("{w}{t} {n}", ("straat", "laan")),
    "IT": ("{t} {w} {n}", ("Via", "Viale")),
}
SHORT = {"Street": "St", "Road": "Rd", "Avenue": "Ave", "Drive": "Dr", "straße": "str."}
MAIL = ("gmail.com", "facebook.com/page", "outlook.com")


class Inventor:
    """Invents companies from a seeded stream."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        parts = [o + v + c for o in ONSETS.split() for v in VOWELS.split() for c in CODAS.split()]
        self.parts = self.random.sample(parts, len(parts))
        self.cities = [self.word(2).title() for _ in range(3000)]

    def word(self, parts: int) -> str:
        return "".join(self.random.choices(self.parts, k=parts))

    def company(self) -> dict[str, str]:
        rnd = self.random
        brand = self.word(rnd.choice((1, 2, 2, 2, 3)))
        country = rnd.choices(list(FORMS), (8, 3, 2, 1, 1, 1, 1, 1))[0]
        trade = rnd.choice(TRADES)
        city = rnd.randrange(len(self.cities))
        pattern, types = STREETS[country]
        domain = f"{brand}{rnd.choice(('', trade.lower(), 'group'))}."
        domain += "com" if country == "US" else {"GB": "co.uk"}.get(country, country.lower())
        return {
            "name": f"{rnd.choice(FIRST)}{brand.title()} {trade} {rnd.choice(FORMS[country])}",
            "website": f"https://www.{domain}/",
            "region": "",
            "country": country,
            "street": pattern.format(
                n=rnd.randint(1, 399), w=self.word(2).title(), t=rnd.choice(types)
            ),
            "city": self.cities[city],
            "postcode": f"{10000 + city * 29 + rnd.randrange(29)}",
            "phone": f"+{CODES[country]}{rnd.randrange(200000000, 999999999)}",
            "tax_id": f"{country}{rnd.randrange(10**8, 10**9)}",
        }

    def seen(self, company: dict[str, str], missing: float) -> dict[str, str]:
        """The company as one of the two systems has it."""
        rnd, row = self.random, dict(company)
        if rnd.random() < 0.12:
            at = rnd.randrange(1, len(row["name"]) - 1)
            name = row["name"]
            row["name"] = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if rnd.random() < 0.15:
            row["name"] = row["name"].rpartition(" ")[0]
        if rnd.random() < 0.3:
            row["name"] = row["name"].upper()
        if rnd.random() < 0.3:
            for full, short in SHORT.items():
                row["street"] = row["street"].replace(full, short)
        if rnd.random() < 0.1:
            row["street"] += f", Suite {rnd.randint(1, 99)}"
        if rnd.random() < 0.3:
            row["phone"] = f"0{row['phone'][-9:-6]} {row['phone'][-6:-3]}-{row['phone'][-3:]}"
        if rnd.random() < 0.1:
            row["website"] = rnd.choice(MAIL)
        for field, share in (
            ("website", 0.25),
            ("street", 0.06),
            ("postcode", 0.05),
            ("phone", 0.2),
            ("tax_id", 0.4),
            ("city", 0.02),
        ):
            if rnd.random() < share * missing:
                row[field] = ""
        return row


def generate(size: int, seed: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file, row): half of the companies are in both lists, one in ten of these twice."""
    inventor = Inventor(seed)
    left = right = 0
    while left < size or right < size:
        company = inventor.company()
        kind = inventor.random.random()
        ours = 0
        if left < size and kind < 0.75:
            ours, left = 1, left + 1
            yield "left", {"id": f"C{left}", **inventor.seen(company, 1.0)}
        if right < size and (kind < 0.5 or kind >= 0.75):
            for _ in range(2 if kind < 0.05 and right + 1 < size else 1):
                right += 1
                yield "right", {"id": f"E{right}", **inventor.seen(company, 1.3)}
                if ours:
                    yield "gold", {"left_id": f"C{left}", "right_id": f"E{right}"}


def write(size: int, folder: Path, seed: int) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "left.csv").open("w", newline="", encoding="utf-8") as left,
        (folder / "right.csv").open("w", newline="", encoding="utf-8") as right,
        (folder / "gold.csv").open("w", newline="", encoding="utf-8") as gold,
    ):
        writers = {
            "left": csv.DictWriter(left, COLUMNS),
            "right": csv.DictWriter(right, COLUMNS),
            "gold": csv.DictWriter(gold, ["left_id", "right_id"]),
        }
        for writer in writers.values():
            writer.writeheader()
        for file, row in generate(size, seed):
            writers[file].writerow(row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.size, options.folder, options.seed)
