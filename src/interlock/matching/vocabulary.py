# ruff: noqa: RUF001  legal forms in Cyrillic look like Latin ones
"""Words that say little: legal forms, street words, and words every trade uses.

Legal forms are abbreviations and names out of ISO 20275 (Entity Legal Forms code list, published
by GLEIF), written as :func:`interlock.matching.normalise.words` leaves them: lower case, no
accents, no dots.  Only forms of one word are listed; forms of several are dropped word by word.
"""

from __future__ import annotations

__all__ = [
    "COMMON_WORDS",
    "FORM_MARKS",
    "LEADING_FORMS",
    "LEGAL_FORMS",
    "LINKING_WORDS",
    "LONG_FORMS",
    "NAME_WORDS",
    "STREET_ENDINGS",
    "STREET_WORDS",
    "UNIT_WORDS",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# by jurisdiction, so that a gap is easy to see; a word may stand in several
LEGAL_FORMS = _words(
    # United States, Canada
    "inc incorporated corp corporation co company llc lc lllp llp lp ltd limited pllc pc pa "
    "pbc cpc ulc ltee limitee enr senc sencrl "
    # United Kingdom, Ireland, Commonwealth
    "plc cic cio dac clg uc pty pvt private pte bhd sdn berhad opc proprietary "
    # Germany, Austria, Switzerland, Liechtenstein
    "gmbh mbh ggmbh ag kg kgaa ohg ug gbr partg partgmbb ev eg egbr eu ek ekfm ekfr "
    "gesmbh og "
    "aktiengesellschaft kommanditgesellschaft haftungsbeschraenkt haftungsbeschrankt "
    # France, Belgium, Luxembourg
    "sa sas sarl sasu eurl snc sci scop scs sca selarl selas gie earl gaec sccv scp "
    "sprl bvba vof commv asbl vzw srl scrl cvba bv nv cv aisbl ivzw sarls "
    # Netherlands
    "stichting "
    # Spain, Portugal, Latin America
    "sl slu slne sll slp sau sc scl sad aie ute lda limitada ltda eireli epp sgps "
    "unipessoal cia cv rl sab sapi sapib spr eirl spa "
    # Italy
    "spa srl srls sapa snc sas scarl scrl soc coop ss "
    # Nordic countries and Baltic states
    "ab hb kb ekfor aktiebolag as asa ans da ba ks nuf sf aps amba is ivs oy oyj ky ay tmi "
    "osk rf ehf hf ohf ses slf ou tu mtu uab ii mb sia ik ako "
    # Poland, Czechia, Slovakia, Hungary
    "sp zoo oo sro vos spol kft rt nyrt zrt bt kkt ev "
    # Balkans, Romania, Bulgaria, Greece, Cyprus
    "doo dd jdoo kd jtd ad ood eood ead et sd kda pfa ae epe ike oe ee dno "
    # Turkey, Russia and neighbours, in Latin and Cyrillic letters
    "sti ltdsti tic san anonim limited ooo oao zao pao ao ip tov pat prat fop chp ooo "
    "ооо оао зао пао ао ип тов пат прат фоп еоод оод еад ад "
    # Japan, Korea, China, South-East Asia
    "kk gk yk gmk jsc pjsc cjsc ojsc tbk pt persero tnhh mtv cp coltd pcl "
    # Middle East, Africa, India
    "fze fzc fzco fzllc wll saoc saog saal sal sarlau rf soc npc npo rf sarl llp huf "
    # international
    "se scs sce eeig ewiv"
)

LONG_FORMS = {
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "limited": "ltd",
    "limitada": "ltda",
    "aktiebolag": "ab",
    "aktiengesellschaft": "ag",
    "osakeyhtio": "oy",
    "ltee": "ltd",
    "limitee": "ltd",
    "incorporee": "inc",
}
"""Forms written in full, with the short one."""

LEADING_FORMS = _words(
    "pt cv ooo oao zao pao ao ip tov ооо оао зао пао ао ип тов uab sia as ou firma stichting "
    "zaklad fhu phu ppu"
)
"""Forms that stand before the name where that is the custom."""

FORM_MARKS = (
    "株式会社",
    "有限会社",
    "合同会社",
    "合資会社",
    "合名会社",
    "一般社団法人",
    "医療法人",
    "股份有限公司",
    "有限责任公司",
    "有限公司",
    "股份公司",
    "주식회사",
    "유한회사",
    "บริษัท",
    "จำกัด",
)
"""Forms of scripts that put no space between words."""

LINKING_WORDS = _words("and und et y e i og och en ve the of de z")
"""Words that join; none of them ends a name."""

NAME_WORDS = {
    short: full
    for full, shorts in {
        "group": "grp gruppe groupe grupo gruppo groep",
        "international": "intl internacional internazionale int",
        "technologies": "tech technology techs technologie",
        "manufacturing": "mfg manuf manufacturers manufacturer",
        "engineering": "eng engr",
        "services": "svc svcs service serv",
        "systems": "sys system",
        "solutions": "soln solns solution",
        "management": "mgmt mgt",
        "associates": "assoc assocs",
        "association": "assn",
        "national": "natl",
        "department": "dept",
        "university": "univ",
        "center": "centre ctr",
        "distribution": "dist distrib",
        "industries": "ind inds industry",
        "laboratories": "labs lab laboratory",
        "brothers": "bros",
        "saint": "st",
        "pharmaceuticals": "pharma",
        "communications": "comm comms",
        "chemicals": "chem",
    }.items()
    for short in shorts.split()
}
"""Short and sister forms of common words in names."""

STREET_WORDS = {
    word: canonical
    for canonical, words in {
        "st": "street saint st str sainte sankt",
        "rd": "road rd",
        "ave": "avenue ave av avenida avda avenue",
        "blvd": "boulevard blvd bd boul bvd bulvar bulevar",
        "dr": "drive dr",
        "ln": "lane ln",
        "ct": "court ct",
        "pl": "place pl plaza plaza piazza platz plac plein placa praca",
        "sq": "square sq",
        "ter": "terrace ter terr",
        "hwy": "highway hwy hiway",
        "fwy": "freeway fwy",
        "expy": "expressway expy expwy",
        "pkwy": "parkway pkwy pky",
        "cir": "circle cir circ",
        "trl": "trail trl",
        "tpke": "turnpike tpke pike",
        "cres": "crescent cres",
        "cl": "close calle cl",
        "gr": "grove gr",
        "ctr": "center centre ctr centro",
        "rte": "route rte rt",
        "crossing": "crossing xing",
        "mt": "mount mt",
        "ft": "fort ft",
        "n": "north n norte nord",
        "s": "south s sur sul sud",
        "e": "east e este est",
        "w": "west w oeste ouest",
        "ne": "northeast ne",
        "nw": "northwest nw",
        "se": "southeast se",
        "sw": "southwest sw",
        "r": "rua rue r",
        "v": "via v",
        "c": "c calle",
        "cra": "carrera cra kra cr",
        "ctra": "carretera ctra",
        "km": "km kilometer kilometro",
        "jl": "jalan jl jln",
        "cd": "caddesi cd cad",
        "sk": "sokak sk sok sokagi",
        "ul": "ulica ul ulitsa улица ул",
        "al": "aleja al alameda aleje",
        "vle": "viale vle",
        "cso": "corso cso",
        "che": "chemin che ch",
        "imp": "impasse imp",
        "all": "allee all",
        "fbg": "faubourg fbg",
        "rod": "rodovia rod",
        "tv": "travessa tv",
        "lg": "largo lg",
        "col": "colonia col",
        "1st": "first 1st",
        "2nd": "second 2nd",
        "3rd": "third 3rd",
        "4th": "fourth 4th",
        "5th": "fifth 5th",
        "6th": "sixth 6th",
        "7th": "seventh 7th",
        "8th": "eighth 8th",
        "9th": "ninth 9th",
        "10th": "tenth 10th",
    }.items()
    for word in words.split()
}
"""Spellings of the words streets are made of; ``straat``, ``katu`` and the like are endings."""

STREET_ENDINGS = (("strasse", "str"), ("straat", "str"), ("strase", "str"), ("gatan", "gat"))
"""Endings written in full or short on the word itself."""

UNIT_WORDS = _words(
    "suite ste unit apt apartment room rm floor fl flr level lvl piso piano etage stock og bldg "
    "building block office lot loja lj sala local int interior dpto depto qd box po pmb"
)
"""Words that lead to a place within the house; the word after them is its number."""

COMMON_WORDS = _words(
    "group grp holding holdings international global services service solutions systems system "
    "technologies technology tech consulting consultants partners associates enterprises "
    "enterprise industries industrial trading trade import export logistics transport "
    "transportation freight foods food restaurant ristorante restaurante cafe coffee bar grill "
    "pizza pizzeria bistro hotel motel inn resort hostel apartments apartment residence villa "
    "house home homes center centre centro zentrum shop store stores market supermarket "
    "pharmacy "
    "farmacia apotheke pharmacie clinic clinica medical health healthcare hospital dental "
    "dentist dr doctor care school academy college university universidad escola escuela "
    "institute "
    "church bank insurance finance financial credit capital investments real estate realty "
    "properties property immobilien management marketing media design studio studios art "
    "gallery music photo photography print printing auto automotive car cars motors garage "
    "tire service repair rental rentals construction constructions builders building "
    "contractors engineering electric electrical electronics energy power solar oil gas "
    "water plumbing heating cooling air steel metal metals plastics chemicals chemical paper "
    "packaging textiles textile furniture wood glass optics pharma beauty salon hair nails "
    "spa barber fitness gym sport sports club travel tours tourism law legal attorney "
    "attorneys office offices security cleaning garden gardens park beach farm farms pet "
    "animal veterinary salao loja mercado oficina taller tienda panaderia padaria bakery "
    "backerei boulangerie metzgerei boucherie friseur coiffure salone bar ristorante trattoria "
    "gasthaus gasthof hof haus maison casa chez la le les el los las il lo the of and de di "
    "da do du der die das und et y e en am im "
    "new old great north south east west central national american united general first "
    "city town county state royal grand best super express direct online digital data "
    "network networks software computer computers mobile telecom communications company "
    "branch filiale headquarters hq dba trading as "
    "foundation association society community public department station post atm"
)
"""Words of trades, places and praise: in a short list they look rarer than they are."""
