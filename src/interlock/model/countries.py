"""Countries by ISO 3166-1 alpha-2 code, and what people write instead of the code."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["COUNTRIES", "country_code"]

_LIST = """
AD Andorra
AE United Arab Emirates
AF Afghanistan
AG Antigua and Barbuda
AI Anguilla
AL Albania
AM Armenia
AO Angola
AQ Antarctica
AR Argentina
AS American Samoa
AT Austria
AU Australia
AW Aruba
AX Aland Islands
AZ Azerbaijan
BA Bosnia and Herzegovina
BB Barbados
BD Bangladesh
BE Belgium
BF Burkina Faso
BG Bulgaria
BH Bahrain
BI Burundi
BJ Benin
BL Saint Barthelemy
BM Bermuda
BN Brunei
BO Bolivia
BQ Caribbean Netherlands
BR Brazil
BS Bahamas
BT Bhutan
BV Bouvet Island
BW Botswana
BY Belarus
BZ Belize
CA Canada
CC Cocos (Keeling) Islands
CD Democratic Republic of the Congo
CF Central African Rep.
CG Republic of the Congo
CH Switzerland
CI Cote d'Ivoire
CK Cook Islands
CL Chile
CM Cameroon
CN China
CO Colombia
CR Costa Rica
CU Cuba
CV Cape Verde
CW Curacao
CX Christmas Island
CY Cyprus
CZ Czech Republic
DE Germany
DJ Djibouti
DK Denmark
DM Dominica
DO Dominican Republic
DZ Algeria
EC Ecuador
EE Estonia
EG Egypt
EH Western Sahara
ER Eritrea
ES Spain
ET Ethiopia
FI Finland
FJ Fiji
FK Falkland Islands
FM Micronesia
FO Faroe Islands
FR France
GA Gabon
GB United Kingdom
GD Grenada
GE Georgia
GF French Guiana
GG Guernsey
GH Ghana
GI Gibraltar
GL Greenland
GM Gambia
GN Guinea
GP Guadeloupe
GQ Equatorial Guinea
GR Greece
GS South Georgia and the South Sandwich Islands
GT Guatemala
GU Guam
GW Guinea-Bissau
GY Guyana
HK Hong Kong
HM Heard Island and McDonald Islands
HN Honduras
HR Croatia
HT Haiti
HU Hungary
ID Indonesia
IE Ireland
IL Israel
IM Isle of Man
IN India
IO British Indian Ocean Territory
IQ Iraq
IR Iran
IS Iceland
IT Italy
JE Jersey
JM Jamaica
JO Jordan
JP Japan
KE Kenya
KG Kyrgyzstan
KH Cambodia
KI Kiribati
KM Comoros
KN Saint Kitts and Nevis
KP North Korea
KR South Korea
KW Kuwait
KY Cayman Islands
KZ Kazakhstan
LA Laos
LB Lebanon
LC Saint Lucia
LI Liechtenstein
LK Sri Lanka
LR Liberia
LS Lesotho
LT Lithuania
LU Luxembourg
LV Latvia
LY Libya
MA Morocco
MC Monaco
MD Moldova
ME Montenegro
MF Saint Martin
MG Madagascar
MH Marshall Islands
MK North Macedonia
ML Mali
MM Myanmar
MN Mongolia
MO Macau
MP Northern Mariana Islands
MQ Martinique
MR Mauritania
MS Montserrat
MT Malta
MU Mauritius
MV Maldives
MW Malawi
MX Mexico
MY Malaysia
MZ Mozambique
NA Namibia
NC New Caledonia
NE Niger
NF Norfolk Island
NG Nigeria
NI Nicaragua
NL Netherlands
NO Norway
NP Nepal
NR Nauru
NU Niue
NZ New Zealand
OM Oman
PA Panama
PE Peru
PF French Polynesia
PG Papua New Guinea
PH Philippines
PK Pakistan
PL Poland
PM Saint Pierre and Miquelon
PN Pitcairn
PR Puerto Rico
PS Palestine
PT Portugal
PW Palau
PY Paraguay
QA Qatar
RE Reunion
RO Romania
RS Serbia
RU Russia
RW Rwanda
SA Saudi Arabia
SB Solomon Islands
SC Seychelles
SD Sudan
SE Sweden
SG Singapore
SH Saint Helena
SI Slovenia
SJ Svalbard and Jan Mayen
SK Slovakia
SL Sierra Leone
SM San Marino
SN Senegal
SO Somalia
SR Suriname
SS South Sudan
ST Sao Tome and Principe
SV El Salvador
SX Sint Maarten
SY Syria
SZ Eswatini (Swaziland)
TC Turks and Caicos Islands
TD Chad
TF French Southern Territories
TG Togo
TH Thailand
TJ Tajikistan
TK Tokelau
TL Timor-Leste
TM Turkmenistan
TN Tunisia
TO Tonga
TR Turkey
TT Trinidad and Tobago
TV Tuvalu
TW Taiwan
TZ Tanzania
UA Ukraine
UG Uganda
UM US Minor Outlying Islands
US United States
UY Uruguay
UZ Uzbekistan
VA Vatican City
VC Saint Vincent and the Grenadines
VE Venezuela
VG British Virgin Islands
VI US Virgin Islands
VN Vietnam
VU Vanuatu
WF Wallis and Futuna
WS Samoa
YE Yemen
YT Mayotte
ZA South Africa
ZM Zambia
ZW Zimbabwe
"""
_ALSO = """
AE uae
AT osterreich, oesterreich, autriche, aut
AU aus
BE belgique, belgie, belgien, bel
BO bolivia plurinational state of
BR brasil, bra
CA kanada, can
CH schweiz, suisse, svizzera, che
CN peoples republic of china, chn
CZ czechia, tschechien, cze
DE deutschland, allemagne, alemania, germania, federal republic of germany, deu
DK danmark, daenemark, danemark, dnk
ES espana, spanien, espagne, esp
FI suomi, finnland, fin
FR frankreich, francia, fra
GB great britain, uk, england, scotland, wales, northern ireland, grossbritannien, royaume uni, gbr
GR hellas, griechenland, el
HU magyarorszag, ungarn
IE eire, irland, irl
IN indien, ind
IT italia, italien, italie, ita
JP nippon, jpn
KR korea, republic of korea, kor
LU luxemburg
MX mejico, mexiko, mex
NL holland, nederland, niederlande, netherlands the, pays bas, nld
NO norge, norwegen, nor
PL polska, polen, pol
PT por
RU russian federation
SE sverige, schweden, swe
SK slovak republic, slowakei
TR turkiye, turkei
TW taiwan province of china
US usa, united states of america, vereinigte staaten, estados unidos
VN viet nam
XK kosovo
"""
_WORDS = re.compile(r"[^a-z ]+")


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text[:80].replace("ß", "ss")).lower()
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    bare = " ".join(_WORDS.sub(" ", bare.replace(".", "").replace("'", "")).split())
    return bare.removeprefix("the ")


COUNTRIES = {line[:2]: line[3:] for line in _LIST.split("\n") if line}
"""Code to English name."""
_CODES = {_plain(name): code for code, name in COUNTRIES.items()}
_CODES |= {
    name.strip(): line[:2] for line in _ALSO.split("\n") if line for name in line[3:].split(",")
}
_CODES |= {code.lower(): code for code in COUNTRIES}


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """Code of a country written as a code or as a name; ``None`` when nobody would know it."""
    return _CODES.get(_plain(text))
