"""What was packed under one type and is read under another."""

from decimal import Decimal

from interlock.model import EntitySchema


def test_a_value_that_no_longer_fits_is_left_out_and_the_rest_stays() -> None:
    text = EntitySchema("customer", {"x": "text"})
    number = EntitySchema("customer", {"x": "number"})
    packed = text.encode({"name": "Acme", "custom.x": "soon"})
    assert number.decode(packed) == {"name": "Acme"}


def test_a_value_that_fits_the_new_type_is_read_as_it() -> None:
    text = EntitySchema("customer", {"x": "text", "y": "text"})
    number = EntitySchema("customer", {"x": "number", "y": "number"})
    packed = text.encode({"custom.x": "1.50", "custom.y": "soon"})
    assert number.decode(packed) == {"custom.x": Decimal("1.50")}
