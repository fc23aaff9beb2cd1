"""What ``describe`` tells: the objects and fields the connected user may see."""

from __future__ import annotations

from typing import Any, Final

from interlock.twins.salesforce.org import Org, with_rights
from interlock.twins.salesforce.schema import Field, SObject

__all__ = ["describe_global", "describe_object", "summary"]

_SOAP: Final = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int",
    "date": "xsd:date", "datetime": "xsd:dateTime", "currency": "xsd:double",
    "double": "xsd:double", "percent": "xsd:double", "address": "urn:address",
}  # fmt: skip


def describe_global(org: Org, version: str) -> dict[str, Any]:
    """List the objects."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [summary(one, version) for one in org.schema],
    }


def summary(one: SObject, version: str) -> dict[str, Any]:
    """Tell of an object what the list of objects tells."""
    base = f"/services/data/v{version}/sobjects/{one.name}"
    return {
        "name": one.name,
        "label": one.label,
        "labelPlural": one.plural,
        "keyPrefix": one.prefix,
        "custom": one.name.endswith("__c"),
        "createable": one.createable,
        "updateable": one.createable,
        "deletable": one.createable,
        "undeletable": one.createable,
        "mergeable": one.mergeable,
        "queryable": True,
        "retrieveable": True,
        "searchable": one.createable,
        "replicateable": one.replicateable,
        "triggerable": one.createable,
        "layoutable": True,
        "activateable": False,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "mruEnabled": one.createable,
        "customSetting": False,
        "urls": {
            "sobject": base,
            "describe": f"{base}/describe",
            "rowTemplate": f"{base}/{{ID}}",
        },
    }


def describe_object(org: Org, one: SObject, version: str) -> dict[str, Any]:
    """Tell everything of one object."""
    fields = [
        _describe_field(with_rights(field, writable=org.writable(one, field)), one)
        for field in one.fields.values()
        if org.readable(one, field)
    ]
    children: list[dict[str, Any]] = [
        {
            "childSObject": child.name,
            "field": lookup.name,
            "relationshipName": lookup.child_relationship,
            "cascadeDelete": f"{child.name}.{lookup.name}" in one.cascades,
            "deprecatedAndHidden": False,
            "restrictedDelete": False,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
        }
        for child, lookup in org.schema.children(one.name)
    ]
    return {
        **summary(one, version),
        "fields": fields,
        "childRelationships": children,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {},
            }
        ],
        "supportedScopes": [{"label": "All records", "name": "everything"}],
        "namedLayoutInfos": [],
    }


def _describe_field(field: Field, one: SObject) -> dict[str, Any]:
    unique = field.unique or field.type == "id"
    default = None if field.default == "me" else field.default
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "length": field.length,
        "byteLength": field.length * 3,
        "precision": field.precision if field.is_number else 0,
        "scale": field.scale,
        "digits": field.precision if field.type == "int" else 0,
        "nillable": field.nillable,
        "createable": field.createable,
        "updateable": field.updateable,
        "defaultedOnCreate": field.default is not None or not field.createable,
        "defaultValue": default,
        "unique": field.unique,
        "externalId": field.external_id,
        "idLookup": unique or field.external_id,
        "caseSensitive": field.case_sensitive,
        "custom": field.custom,
        "calculated": field.calculated,
        "autoNumber": field.auto_number,
        "nameField": field.name == _name_field(one),
        "namePointing": len(field.refers_to) > 1,
        "polymorphicForeignKey": len(field.refers_to) > 1,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "dependentPicklist": False,
        "picklistValues": [
            {"active": True, "defaultValue": v == default, "label": v, "validFor": None, "value": v}
            for v in field.values
        ],
        "compoundFieldName": field.compound,
        "filterable": field.type != "address" and field.length < 4000,
        "sortable": field.type != "address" and field.length < 4000,
        "groupable": not field.is_number and field.length <= 255,
        "aggregatable": field.type != "address",
        "permissionable": field.nillable and not field.name.endswith("Id"),
        "deprecatedAndHidden": False,
        "encrypted": False,
        "htmlFormatted": False,
        "cascadeDelete": False,
        "restrictedDelete": False,
        "writeRequiresMasterRead": False,
        "inlineHelpText": None,
        "controllerName": None,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "highScaleNumber": False,
    }


def _name_field(one: SObject) -> str:
    for name in ("Name", "OrderNumber", "Subject", "MasterLabel"):
        if name in one.fields:
            return name
    return ""
