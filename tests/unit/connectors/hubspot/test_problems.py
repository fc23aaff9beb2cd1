"""What HubSpot says is wrong: codes and names are kept, values never."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.connectors.hubspot.problems import read_problem

OPTION = (
    'Property values were not valid: [{"isValid":false,"message":"secret was not one of the allowed '
    'options: [a, b]","error":"INVALID_OPTION","name":"tier","localizedErrorMessage":"secret"}]'
)


@pytest.mark.parametrize(
    ("body", "code", "properties"),
    [
        ({"message": OPTION, "category": "VALIDATION_ERROR"}, "INVALID_OPTION", ("tier",)),
        ({"category": "VALIDATION_ERROR", "message": "secret is bad", "errors": [
            {"code": "INVALID_EMAIL", "message": "secret", "context": {"propertyName": ["email"]}},
        ]}, "INVALID_EMAIL", ("email",)),
        ({"category": "VALIDATION_ERROR", "context": {"properties": ["dealname"]},
          "message": "Error creating DEAL. Some required properties were not set."},
         "REQUIRED", ("dealname",)),
        ({"category": "CONFLICT", "context": {"propertyName": ["email"]}, "message": "x secret"},
         "CONFLICT", ("email",)),
        ({"category": "OBJECT_NOT_FOUND", "message": "resource not found"},
         "OBJECT_NOT_FOUND", ()),
        ({"errors": None, "context": None}, "", ()),
        ({"message": "Property values were not valid: [not json", "category": "VALIDATION_ERROR"},
         "VALIDATION_ERROR", ()),
        ("<html>", "", ()), (None, "", ()), ([1], "", ()),
    ],
)  # fmt: skip
def test_every_part_may_be_missing(body: Any, code: str, properties: tuple[str, ...]) -> None:
    problem = read_problem(body)
    assert (problem.code, tuple(problem.properties)) == (code, properties)
    assert "secret" not in problem.told
    assert problem.told


def test_limits_and_scopes_are_named() -> None:
    limit = read_problem({"errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "x"})
    assert limit.policy == "DAILY"
    scope = read_problem({"category": "MISSING_SCOPES", "errors": [
        {"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}},
    ]})  # fmt: skip
    assert list(scope.scopes) == ["crm.objects.deals.read"]
