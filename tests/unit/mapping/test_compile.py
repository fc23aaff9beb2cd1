"""mappings/NAME.yaml: what compiles, what it does to an object map, how mistakes are named."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import ConfigurationError
from interlock.mapping.codecs import CodecError, Number, Text
from interlock.mapping.compile import compile_mapping
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.mapping.overrides import MappingOverrides
from interlock.model import FieldFacts, project
from interlock.project.yaml import parse_yaml

CUSTOMER = ObjectMap(
    "customer",
    "Account",
    (
        FieldMap("name", "title", Text(FieldFacts(max_length=50)), required=True),
        FieldMap("phone", "phone", Text()),
        FieldMap("payment_terms", "terms", Text()),
    ),
)


def compiled(text: str, root: Path = Path(), never: frozenset[str] = frozenset()):
    return compile_mapping(parse_yaml(text, "crm.yaml"), root=root, never=never)


def customer(lines: str, root: Path = Path()) -> ObjectMap:
    text = "customer:\n  fields:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
    return CUSTOMER.with_overrides(compiled(text, root))


def problems(text: str, never: frozenset[str] = frozenset()) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        compiled(text, never=never)
    return [f"{p.message.removeprefix('crm.yaml:')} [{p.fix}]" for p in caught.value.problems]


def test_an_empty_file_changes_nothing():
    assert compiled("schema_version: 1") == MappingOverrides()


def test_a_path_moves_a_field_and_keeps_the_connectors_codec():
    mapped = customer("name: {path: data.label}")
    assert mapped.decode({"data": {"label": " x "}, "title": "old"}) == {"name": "x"}
    assert mapped.encode({"name": "y"}) == {"data": {"label": "y"}}
    assert mapped.facts()["name"].max_length == 50
    assert mapped.facts()["name"].required


@pytest.mark.parametrize("off", ["phone: off", "phone: {off: true}"])
def test_a_field_that_is_off_is_neither_requested_nor_written(off: str):
    mapped = customer(off)
    assert mapped.paths == ("title", "terms")
    with pytest.raises(CodecError):
        mapped.encode({"phone": "1"})


def test_limits_narrow_what_the_connector_says():
    mapped = customer("name: {max_length: 5}\nphone: {max_length: 3}")
    assert mapped.encode({"name": "abcdefgh", "phone": "12345"}) == {
        "title": "abcde",
        "phone": "123",
    }
    assert mapped.facts()["name"].max_length == 5


def test_values_translate_both_ways_and_are_the_fields_choices():
    mapped = customer('payment_terms:\n  values: {30: Net 30, "30d": Net 30, 0: Due on receipt}')
    assert mapped.decode({"terms": "30D"}) == {"payment_terms": "Net 30"}
    assert mapped.encode({"payment_terms": "Net 30"}) == {"terms": 30}
    assert mapped.facts()["payment_terms"].choices == ("Net 30", "Due on receipt")


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text", "a", "a"),
        ("number", "1.50", Decimal("1.50")),
        ("boolean", True, True),
        ("date", "2026-01-02", date(2026, 1, 2)),
    ],
)
def test_a_custom_field_has_the_type_it_declares(kind: str, raw: object, value: object):
    overrides = compiled(f"customer: {{fields: {{custom.extra: {{path: x, type: {kind}}}}}}}")
    assert overrides.custom == {"customer": {"extra": kind}}
    mapped = CUSTOMER.with_overrides(overrides)
    assert mapped.decode({"x": raw}) == {"custom.extra": value}
    assert mapped.encode({"custom.extra": value}) == {"x": raw}


def test_a_custom_boolean_and_number_take_values():
    mapped = customer(
        "custom.vip: {path: v, type: boolean, values: {Y: true, N: false}}\n"
        "custom.rank: {path: r, type: number, values: {A: 1, B: 2.5}}"
    )
    raw = {"v": "N", "r": "B"}
    assert mapped.decode(raw) == {"custom.vip": False, "custom.rank": Decimal("2.5")}
    assert mapped.encode(mapped.decode(raw)) == raw


def test_an_expression_read_only_unless_it_is_given_both_ways():
    one = customer("phone: {decode: 'value.trim()'}")
    assert one.decode({"phone": " 1 "}) == {"phone": "1"}
    assert one.facts()["phone"].writable is False
    with pytest.raises(CodecError, match="cannot be written"):
        one.encode({"phone": "1"})
    both = customer("phone: {decode: 'value.lowerAscii()', encode: 'value.upperAscii()'}")
    assert both.facts()["phone"].writable is True
    assert both.encode({"phone": "ab"}) == {"phone": "AB"}
    assert both.decode({"phone": "AB"}) == {"phone": "ab"}


@given(st.text("abc xyz", max_size=30))
def test_an_inverse_pair_of_expressions_round_trips(text: str):
    mapped = customer("phone: {decode: \"value.replace('#', '')\", encode: \"'#' + value\"}")
    value = project(text, FieldFacts())
    assert project(mapped.decode(mapped.encode({"phone": value}))["phone"], FieldFacts()) == value


def test_blank_stays_blank_without_asking_the_expression():
    mapped = customer("phone: {decode: 'value + 1', encode: 'value + 1'}")
    assert mapped.decode({"phone": None}) == {"phone": None}
    assert mapped.decode({"phone": " "}) == {"phone": None}
    assert mapped.encode({"phone": None}) == {"phone": None}


def test_several_inputs_are_requested_and_read_together():
    mapped = customer(
        "phone: {inputs: {code: cc, number: nr}, "
        "decode: \"(code == null ? '' : '+' + code + ' ') + number\"}"
    )
    assert mapped.paths == ("title", "cc", "nr", "terms")
    assert mapped.decode({"cc": "49", "nr": "123"}) == {"phone": "+49 123"}
    assert mapped.decode({"cc": None, "nr": "123"}) == {"phone": "123"}
    assert mapped.decode({"cc": None, "nr": None}) == {"phone": None}
    assert mapped.decode({"cc": "49"}) == {}
    assert mapped.facts()["phone"].writable is False


def test_a_failing_expression_leaves_the_field_unknown_and_says_why():
    mapped = customer("phone: {decode: 'string(1 / int(value))'}")
    found: dict[str, str] = {}
    assert mapped.decode({"phone": "0", "title": "x"}, found) == {"name": "x"}
    assert found == {"phone": "customer.phone decode: divide by zero"}


def test_functions_of_the_project_read_and_write(tmp_path: Path):
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "phones.py").write_text(
        "def read(value):\n    return value[::-1]\n"
        "def join(value):\n    return value['a'] + value['b']\n"
    )
    mapped = customer(
        "phone: {decode_function: 'functions.phones:read', "
        "encode_function: 'functions.phones:read'}\n"
        "name: {inputs: {a: x, b: y}, decode_function: 'functions.phones:join'}",
        tmp_path,
    )
    assert mapped.encode({"phone": "12"}) == {"phone": "21"}
    assert mapped.decode({"phone": "21", "x": "1", "y": "2"}) == {"phone": "12", "name": "12"}


def test_read_only_is_kept():
    assert customer("phone: {read_only: true}").facts()["phone"].writable is False


def test_the_version_follows_the_meaning():
    text = "customer:\n  fields:\n    name: {path: a}\n    phone: {values: {a: x, b: x}}\n"
    same = "customer:\n  fields:\n    phone:\n      values: {a: x, b: x}\n    name: {path: a}\n"
    swapped = text.replace("{a: x, b: x}", "{b: x, a: x}")
    assert compiled(text).version == compiled(same).version
    assert compiled(text).version != compiled(swapped).version
    assert compiled(text).version != compiled(text.replace("path: a", "path: b")).version


def test_the_version_follows_the_code_of_functions(tmp_path: Path):
    (tmp_path / "functions").mkdir()
    file = tmp_path / "functions" / "f.py"
    text = "customer: {fields: {phone: {decode_function: 'functions.f:g'}}}"
    file.write_text("def g(v):\n    return v\n")
    before = compiled(text, tmp_path).version
    file.write_text("def g(v):\n    return None\n")
    assert compiled(text, tmp_path).version != before


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "nme: off",
            (
                "unknown field 'customer.nme' [did you mean 'name'? A field of your own is "
                "called custom.NAME]"
            ),
        ),
        (
            "custom.Tier: off",
            (
                "unknown field 'customer.custom.Tier' [write custom. and a name of "
                "small letters, digits and _]"
            ),
        ),
        ("name: {pth: x}", "unknown option 'pth' [did you mean 'path'?]"),
        ("name: {path: 5}", "customer.name: path must be the name of the system's field [None]"),
        ("name: {path: a..b}", "customer.name: 'a..b' is not a path [write names joined by dots]"),
        ("name: {max_length: 0}", "customer.name: max_length must be at least 1 [None]"),
        ("name: {max_length: true}", "customer.name: max_length must be a whole number [None]"),
        ("name: {type: number}", "customer.name: type 'number' does not fit [the field is text]"),
        (
            "name: {off: true, path: x}",
            ("customer.name: a field that is off takes no other option [None]"),
        ),
        (
            "name: {encode: value}",
            ("customer.name: what is written by an expression must be read by one [add `decode`]"),
        ),
        (
            "name: {inputs: {a: x}}",
            ("customer.name: inputs need an expression that reads them [add `decode`]"),
        ),
        (
            "name: {inputs: {A b: x}, decode: value}",
            "customer.name: input 'A b' must be small letters, digits and _ [None]",
        ),
        (
            "name: {decode: value, decode_function: 'a:b'}",
            "customer.name: decode and decode_function exclude each other [None]",
        ),
        (
            "name: {decode: value, values: {a: b}}",
            "customer.name: values and expressions exclude each other [None]",
        ),
        ("name: {values: {}}", "customer.name: values must be `theirs: ours` lines [None]"),
        (
            "name: {values: {a: 5}}",
            (
                "customer.name: 'a': 5 is no pair [ours must be text; put text "
                "that looks like a number into quotes]"
            ),
        ),
        (
            "name: {values: {a: x, A: y}}",
            ("customer.name: 'A' stands for two different values [None]"),
        ),
        (
            "billing_address: {type: text}",
            (
                "customer.billing_address: its type cannot be mapped by hand, only its path, "
                "limits or off [addresses, money, references and lines keep the "
                "connector's own form]"
            ),
        ),
        (
            "custom.tier: {path: t}",
            (
                "customer.custom.tier: a custom field needs a type [one of "
                "text, number, boolean, date, datetime]"
            ),
        ),
        (
            "custom.tier: {type: text}",
            ("customer.custom.tier: a custom field needs a path [name the system's field]"),
        ),
        (
            "custom.tier: {path: t, type: date, values: {a: b}}",
            "customer.custom.tier: a date field takes no values [None]",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(line: str, expected: str):
    assert problems(f"customer:\n  fields:\n    {line}") == [f"3: {expected}"]


def test_a_broken_expression_is_named_with_its_line():
    (problem,) = problems("customer:\n  fields:\n    name:\n      decode: value +")
    assert problem.startswith("4: customer.name decode: Syntax error")


def test_an_unknown_entity_and_wrong_shapes_are_refused():
    (problem,) = problems("custmer: {}")
    assert problem == "1: unknown entity 'custmer' [did you mean 'customer'?]"
    for text in ("[]", "customer: 3", "customer: {fields: 3}", "customer: {fields: {name: 3}}"):
        assert problems(text)


@pytest.mark.parametrize(
    "options", ["path: cost_price", "path: a.Cost_Price", "inputs: {x: cost_price}, decode: x"]
)
def test_a_path_behind_the_boundary_is_refused(options: str):
    text = f"product:\n  fields:\n    name: {{{options}}}"
    (problem,) = problems(text, frozenset({"cost_price"}))
    assert problem.startswith("3: product.name: path ")
    assert "behind the boundary" in problem


def test_decimals_round_before_the_connectors_codec_writes():
    maps = ObjectMap("order", "Sale", (FieldMap("net_total", "t", Number(FieldFacts(decimals=4))),))
    mapped = maps.with_overrides(compiled("order: {fields: {net_total: {decimals: 2}}}"))
    assert Decimal(mapped.encode({"net_total": Decimal("1.005")})["t"]) == Decimal("1.00")
    assert mapped.facts()["net_total"].decimals == 2
