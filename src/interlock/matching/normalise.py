"""Forms of names, domains, phones, addresses and tax ids in which equal things are equal.

Columns are folded as one text: two million names cost seconds, not minutes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import stdnum
import tldextract
from stdnum.exceptions import ValidationError

from interlock.matching.hosts import SHARED_HOSTS
from interlock.matching.vocabulary import (
    FORM_MARKS,
    LEADING_FORMS,
    LEGAL_FORMS,
    LINKING_WORDS,
    LONG_FORMS,
    NAME_WORDS,
    STREET_ENDINGS,
    STREET_WORDS,
    UNIT_WORDS,
)

__all__ = [
    "domain_key",
    "email_key",
    "fold_column",
    "name_key",
    "phone_key",
    "postcode_key",
    "split_name",
    "split_site",
    "split_street",
    "tax_form",
    "tax_key",
    "words_of",
]

LONGEST = 200
"""Characters of a value that count; nobody is told from another by what follows."""

# marks above letters; in Indic and Thai script they are letters of their own and stay
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]")
_MARKS = "\u0900-\u109f\u1780-\u17ff"
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ł": "l",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ħ": "h",
        "\u200b": None,
        "\ufeff": None,
    }
)
_APOSTROPHES = str.maketrans(
    {"'": None, "\u2019": None, "`": None, "\u00b4": None, "&": " and ", "+": " and ", "\x00": " "}
)
# dots and strokes of initials join ("S.A." is "sa", "A/S" is "as"), others separate
_INITIALS = re.compile(r"(?<=\b\w)\.(?=\w\b|[ \n]|$)|(?<=\b[^\W\d])/(?=[^\W\d]\b)")
_OTHER = re.compile(rf"[^\w\n{_MARKS}]+|_+")
_FORM_MARKS = re.compile("|".join(FORM_MARKS))
# "井野60" is a place and a number; after a Latin letter the digits belong to the word
_NUMBER_IN_WORD = re.compile(r"(?<![a-z0-9])\d+(?![a-z0-9])")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# the list that ships with the package: no download, no cache folder
_SUFFIXES = frozenset(
    tldextract.TLDExtract(
        suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True
    ).tlds
)


def fold_column(values: Sequence[str | None]) -> list[str]:
    """Lower case words without accents and punctuation, one space between them."""
    short = [v[:LONGEST] if v else "" for v in values]
    text = "\n".join(short)
    if text.count("\n") != len(short) - 1 and short:
        text = "\n".join([" ".join(v.split("\n")) for v in short])
    if not text.isascii():
        text = _plain(text)
    text = text.lower().translate(_APOSTROPHES)
    text = _OTHER.sub(" ", _INITIALS.sub("", text))
    return text.split("\n") if short else []


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    text = unicodedata.normalize("NFC", _ACCENTS.sub("", text))
    # what compatibility forms unfold to may hold separators of their own
    return text.replace("\r", " ").casefold()


def split_name(folded: str) -> tuple[str, str]:
    """A folded name without its legal forms, unless nothing else would be left; and the form."""
    words = folded.split()
    if not words:
        return "", ""
    form = ""
    if not folded.isascii():
        bare = _FORM_MARKS.sub(" ", folded).split()
        if bare and bare != words:
            words, form = bare, "mark"
    end = len(words)
    while end > 1 and (words[end - 1] in LEGAL_FORMS or words[end - 1] in LINKING_WORDS):
        end -= 1
        if words[end] in LEGAL_FORMS:
            form = words[end]
    start = 0
    if end > 1 and (words[0] == "the" or words[0] in LEADING_FORMS):
        start = 1
        form = form or (words[0] if words[0] != "the" else "")
    core = " ".join([NAME_WORDS.get(word, word) for word in words[start:end]])
    return core, LONG_FORMS.get(form, form)


def words_of(core: str) -> list[str]:
    """The words of a name; scripts without spaces give pairs of neighbouring letters."""
    words = core.split()
    if core.isascii() or not _UNSPACED.search(core):
        return words
    parts: list[str] = []
    for word in words:
        if len(word) > 2 and _UNSPACED.search(word):
            parts += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            parts.append(word)
    return parts


def split_street(folded: str) -> tuple[str, list[str]]:
    """The words that name a street, and its house numbers; places within the house are dropped."""
    named: list[str] = []
    numbers: list[str] = []
    skip = False
    if not folded.isascii():
        folded = _NUMBER_IN_WORD.sub(r" \g<0> ", folded)
    for word in folded.split():
        if skip:
            skip = False
            if word.isdigit() or len(word) <= 3:
                continue
        if word in UNIT_WORDS:
            skip = True
            continue
        if "0" <= word[0] <= "9":
            if word.isdigit():
                numbers.append(word.lstrip("0"))
                continue
            digits = _leading_digits(word)
            if len(word) - len(digits) <= 1:  # "12a"; "3rd" is a name
                numbers.append(digits)
                continue
        canonical = STREET_WORDS.get(word)
        if canonical is None:
            canonical = word
            for full, short in STREET_ENDINGS:
                if word.endswith(full):
                    canonical = word[: -len(full)] + short
                    break
        named.append(canonical)
    return " ".join(named), numbers[:4]


def _leading_digits(word: str) -> str:
    for position, letter in enumerate(word):
        if not letter.isdigit():
            return word[:position].lstrip("0")
    return word.lstrip("0")


@lru_cache(maxsize=65536)
def name_key(name: str | None) -> str:
    """A company's name without case, accents, punctuation and legal forms."""
    return split_name(fold_column([name])[0])[0] if name else ""


def _suffix_length(labels: Sequence[str]) -> int:
    """How many labels at the end are a public suffix: the longest rule of the list decides."""
    for count in range(min(5, len(labels)), 0, -1):
        tail = ".".join(labels[-count:])
        if "!" + tail in _SUFFIXES:
            return count - 1
        if tail in _SUFFIXES or (count > 1 and "*." + tail.partition(".")[2] in _SUFFIXES):
            return count
    # the list ends in the rule "*": an ending it does not name (".example", ".local") is one label
    return int(len(labels[-1]) > 1 and labels[-1].isalpha())


def split_site(website: str | None) -> tuple[str, str]:
    """The registrable domain of a web or e-mail address, and the page on it.

    Both are "" for hosts that many companies share and for what is no address.
    """
    if not website:
        return "", ""
    text = website.strip().lower()[:2000]
    text = text.partition("://")[2] or text
    host, _, path = text.partition("/")
    host = host.rpartition("@")[2].partition(":")[0].partition("?")[0].strip(". ")
    if "." not in host or " " in host:
        return "", ""
    labels = host.split(".")
    count = _suffix_length(labels)
    if not count or len(labels) <= count or len(host) > 253:
        return "", ""
    domain = ".".join(labels[-count - 1 :])
    if domain in SHARED_HOSTS:
        return "", ""
    page = path.partition("?")[0].partition("#")[0].strip("/ ")
    if page.startswith(("index.", "home", "default.")) or len(page) < 4:
        page = ""
    sub = labels[: -count - 1]
    if sub and sub[0] != "www" and not page:
        page = "/" + ".".join(sub)
    return domain, page


def domain_key(website: str | None) -> str:
    """The registrable domain of a web address or e-mail address; "" for shared hosts."""
    return split_site(website)[0]


def email_key(email: str | None) -> str:
    """An e-mail address without case."""
    return (email or "").strip().casefold()


def phone_key(phone: str | None) -> str:
    """The last nine digits of a phone number, "" when there are fewer than seven."""
    digits = "".join(c for c in (phone or "") if c.isdigit())
    return digits[-9:] if len(digits) >= 7 else ""


def postcode_key(postcode: str | None) -> str:
    """A postal code without spaces and case."""
    return "".join(c for c in (postcode or "").casefold() if c.isalnum())


def tax_form(tax_id: str, country: str) -> str:
    """A tax id without punctuation and with its country in front, whether it is valid or not."""
    compact = "".join(filter(str.isalnum, tax_id[:40])).upper()
    if len(compact) < 4 or not any(map(str.isdecimal, compact)):
        return ""
    code = country if len(country) == 2 else ""
    if compact[:2] == "EL" and code in {"GR", ""}:
        return "GR" + compact[2:]
    return compact if compact.startswith(code) else code + compact


@lru_cache(maxsize=65536)
def tax_key(tax_id: str | None, country: str | None = None) -> tuple[str, bool]:
    """A tax id without punctuation, and whether it is valid where its country can be told.

    The country is that of the first two letters, else the address's.  Validity is by check digit
    and format (python-stdnum); a number of no known country is never valid.
    """
    compact = "".join(c for c in (tax_id or "")[:LONGEST].upper() if c.isalnum())
    if not compact:
        return "", False
    prefix = compact[:2]
    for code in (prefix if prefix.isalpha() else "", (country or "").upper()):
        if not code:
            continue
        body = compact[2:] if compact.startswith(code) else compact
        for kind in ("vat", "ein", "tin"):
            module = _module(code, kind)
            if module is None:
                continue
            for text in (compact, body):
                try:
                    module.validate(text)
                except (ValidationError, ValueError, IndexError, TypeError):
                    continue
                return code + body, True
    return compact, False


@lru_cache(maxsize=1024)
def _module(country: str, kind: str) -> Any:
    if kind == "ein":
        if country != "US":
            return None
        from stdnum.us import ein

        return ein
    try:
        return stdnum.get_cc_module(country.lower(), kind)
    except (ImportError, ValueError):
        return None
