"""Which fields tell of a person."""

from interlock.model.schema import ENTITIES, PERSONAL, Schema


def test_every_personal_field_is_one_of_the_model():
    for entity, fields in PERSONAL.items():
        assert fields <= set(ENTITIES[entity].__struct_fields__), entity


def test_names_addresses_and_ways_to_reach_somebody_are_personal_wherever_they_occur():
    telling = {"email", "phone", "billing_address", "shipping_address"}
    for entity in Schema():
        schema = Schema()[entity]
        assert telling & schema.types.keys() <= schema.personal, entity


def test_a_custom_text_of_somebody_is_personal_and_a_number_is_not():
    schema = Schema({"contact": {"nick": "text", "age": "number"}, "product": {"note": "text"}})
    assert "custom.nick" in schema["contact"].personal
    assert "custom.age" not in schema["contact"].personal
    assert not schema["product"].personal, "a product is nobody"
