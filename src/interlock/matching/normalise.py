"""Forms of names, domains, phones and tax ids in which equal things are equal."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import stdnum
import tldextract
from stdnum.exceptions import ValidationError

__all__ = ["domain_key", "email_key", "name_key", "phone_key", "postcode_key", "tax_key"]

# the commonest of the legal forms in ISO 20275; written without dots, as name_key leaves them
_LEGAL_FORMS = frozenset(
    "inc incorporated corp corporation co company llc llp lp ltd limited plc pllc pc "
    "gmbh mbh ag kg kgaa ohg ug ev eg gbr se sa sas sarl sasu eurl snc sl slu slne srl spa sapa "
    "bv nv cv vof bvba sprl asbl vzw ab oy oyj as asa aps is kft rt zrt doo dd sro spol ood ead "
    "sp zoo pty pte pvt bhd sdn kk gk yk".split()
)
# addresses and sites that many companies share say nothing about whose they are
_SHARED_DOMAINS = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com aol.com icloud.com "
    "me.com gmx.de gmx.net web.de t-online.de proton.me protonmail.com mail.com zoho.com yandex.com "
    "orange.fr free.fr wanadoo.fr facebook.com linkedin.com instagram.com twitter.com x.com "
    "youtube.com google.com github.io wordpress.com wixsite.com blogspot.com shopify.com "
    "myshopify.com etsy.com amazon.com ebay.com".split()
)
_WORD = re.compile(r"\w+", re.UNICODE)
# the list that ships with the package: no download, no cache folder
_domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def fold(text: str) -> str:
    """Lower case without accents."""
    text = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(c for c in text if not unicodedata.combining(c))


@lru_cache(maxsize=65536)
def name_key(name: str | None) -> str:
    """A company's name without case, accents, punctuation, word order of legal forms, or spaces.

    Legal forms at the end are dropped unless nothing else would be left.
    """
    if not name:
        return ""
    # dots and apostrophes join ("S.A." is "sa", "O'Neil" is "oneil"), other marks separate
    text = re.sub(r"[.'’`]", "", fold(name[:400]).replace("&", " and "))
    words = _WORD.findall(text)
    if words and words[0] == "the":
        words = words[1:] or words
    kept = list(words)
    while len(kept) > 1 and kept[-1] in _LEGAL_FORMS:
        kept.pop()
    while len(kept) > 1 and kept[-1] == "and":
        kept.pop()
    return " ".join(kept)


@lru_cache(maxsize=65536)
def domain_key(website: str | None) -> str:
    """The registrable domain of a web address or e-mail address; "" for shared hosts."""
    if not website:
        return ""
    found = _domains(website.strip().rsplit("@", 1)[-1].casefold())
    domain = found.top_domain_under_public_suffix
    return "" if domain in _SHARED_DOMAINS else domain


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


@lru_cache(maxsize=65536)
def tax_key(tax_id: str | None, country: str | None = None) -> tuple[str, bool]:
    """A tax id without punctuation, and whether it is valid where its country can be told.

    The country is that of the first two letters, else the address's.  Validity is by check digit
    and format (python-stdnum); a number of no known country is never valid.
    """
    compact = "".join(c for c in (tax_id or "").upper() if c.isalnum())
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
