"""The Tooling API as far as it makes and removes custom fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.salesforce.context import Context, body_object
from interlock.twins.salesforce.ids import long_id
from interlock.twins.salesforce.query import Reader
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import Field

__all__ = ["create_field", "field_of", "query_tooling", "remove_field"]

_KINDS: Final = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Email": "email",
    "Phone": "phone", "Url": "url", "Checkbox": "boolean", "Date": "date", "DateTime": "datetime",
    "Number": "double", "Currency": "currency", "Percent": "percent", "Picklist": "picklist",
    "Lookup": "reference",
}  # fmt: skip
_FIXED_LENGTHS: Final = {"TextArea": 255, "Email": 80, "Phone": 40, "Url": 255, "Picklist": 255}
_NAME: Final = re.compile(r"(\w+)\.([A-Za-z](?:_?[A-Za-z0-9])*)__c")


def create_field(context: Context, call: Call) -> Answer:
    """POST of a custom field.  Nobody sees it until a permission set says so."""
    body = body_object(call)
    full_name = str(body.get("FullName", ""))
    found = _NAME.fullmatch(full_name)
    if found is None:
        raise Refused(
            "FIELD_INTEGRITY_EXCEPTION",
            "The field name provided is not in the correct format: Object.Name__c",
            fields=["FullName"],
        )
    one = context.org.object(found[1])
    name = f"{found[2]}__c"
    if one.named(name) is not None:
        raise Refused(
            "DUPLICATE_DEVELOPER_NAME",
            f"There is already a field named {name} on {one.label}.",
            fields=["DeveloperName"],
        )  # fmt: skip
    metadata = body.get("Metadata")
    if not isinstance(metadata, dict):
        raise Refused("REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]",
                      fields=["Metadata"])  # fmt: skip
    context.org.add_field(one.name, field_of(name, metadata))
    kind = context.org.object("CustomField", context.org.tooling)
    key = context.org.ids.make(kind.prefix)
    context.org.write(kind, {
        "Id": key, "DeveloperName": found[2], "TableEnumOrId": one.name,
        "NamespacePrefix": None, "FullName": full_name,
    })  # fmt: skip
    return Answer(201, {"id": key, "success": True, "errors": [], "warnings": [], "infos": []})


def remove_field(context: Context, _call: Call, key: str) -> Answer:
    """DELETE of a custom field with all its values."""
    row = context.org.storage.get("CustomField", long_id(key) or "")
    if row is None:
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    context.org.drop_field(row["TableEnumOrId"], f"{row['DeveloperName']}__c")
    context.org.storage.drop("CustomField", row["Id"])
    return Answer(204)


def query_tooling(context: Context, call: Call) -> Answer:
    """GET of a query on metadata."""
    reader = Reader(context.org, context.version, schema=context.org.tooling)
    found = reader.run(call.query.get("q", ""))
    page = context.cursors.first(found, "", f"{context.base}/tooling")
    return Answer(200, {"entityTypeName": "CustomField", "size": found.size, **page})


def field_of(name: str, metadata: Mapping[str, Any]) -> Field:
    """Make the field that metadata describes; raises ``Refused``."""
    kind = str(metadata.get("type"))
    if kind not in _KINDS:
        raise Refused("INVALID_TYPE", f"This twin has no custom fields of type {kind}")
    label = str(metadata.get("label") or "")
    if not label:
        raise _missing("label")
    facts: dict[str, Any] = {
        "name": name, "type": _KINDS[kind], "label": label, "custom": True,
        "unique": bool(metadata.get("unique")),
        "external_id": bool(metadata.get("externalId")),
        "case_sensitive": bool(metadata.get("caseSensitive")),
        "nillable": not metadata.get("required"),
    }  # fmt: skip
    match kind:
        case "Text" | "LongTextArea":
            if "length" not in metadata:
                raise _missing("length")
            facts["length"] = int(metadata["length"])
            if kind == "Text" and not 1 <= facts["length"] <= 255:
                raise Refused("INVALID_FIELD", "Text fields have a length of 1 to 255")
        case "Number" | "Currency" | "Percent":
            if "precision" not in metadata or "scale" not in metadata:
                raise _missing("precision, scale")
            facts |= {"precision": int(metadata["precision"]), "scale": int(metadata["scale"])}
        case "Checkbox":
            if "defaultValue" not in metadata:
                raise _missing("defaultValue")
            facts |= {"default": str(metadata["defaultValue"]).lower() == "true", "nillable": False}
        case "Picklist":
            values = metadata.get("valueSet") or {}
            chosen = (values.get("valueSetDefinition") or {}).get("value") or []
            facts |= {
                "values": tuple(str(v.get("fullName") or v.get("valueName")) for v in chosen),
                "restricted": bool(values.get("restricted")),
            }
        case "Lookup":
            target = str(metadata.get("referenceTo") or "")
            if not target:
                raise _missing("referenceTo")
            facts |= {
                "refers_to": (target,), "relationship": name.removesuffix("c") + "r", "length": 18,
                "child_relationship": f"{metadata['relationshipName']}__r"
                if metadata.get("relationshipName") else None,
            }  # fmt: skip
    facts.setdefault("length", _FIXED_LENGTHS.get(kind, 0))
    return Field(**facts)


def _missing(what: str) -> Refused:
    return Refused("FIELD_INTEGRITY_EXCEPTION", f"Required metadata is missing: {what}")
