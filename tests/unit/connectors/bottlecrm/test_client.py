"""What BottleCRM's answers mean; the bodies are those of a real 1.35.0."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.connectors.bottlecrm.client import classify, is_absent, refusals
from interlock.connectors.kit import Answer
from interlock.errors import (
    ConnectorError,
    NeedsAuthError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
PAGE = "<!doctype html><title>Server Error (500)</title><h1>Server Error (500)</h1>"


def answer(status: int, data: Any = None, **headers: str) -> Answer:
    return Answer(
        status=status,
        headers=headers,
        data=data,
        is_json=data is not None,
        excerpt="" if data is not None else PAGE,
        sent_at=NOW,
    )


def told(given: Answer, *, writes: bool = False) -> ConnectorError | None:
    return classify(given, system="crm", operation="GET /x", writes=writes, now=NOW)


@pytest.mark.parametrize("status", [200, 201])
def test_json_of_any_2xx_is_a_success(status: int) -> None:
    assert told(answer(status, {})) is None


@pytest.mark.parametrize(
    "detail",
    [
        "Organization context is required. Please login again.",
        "Invalid token",
        "Token revoked or expired",
        "Token owner or org is inactive",
    ],
)
def test_a_bad_token_is_answered_403(detail: str) -> None:
    error = told(answer(403, {"detail": detail}))
    assert isinstance(error, NeedsAuthError)
    assert error.fix


def test_a_missing_scope_is_named() -> None:
    detail = (
        "This token is not scoped for write access to accounts. It needs the accounts:write scope."
    )
    error = told(answer(403, {"detail": detail}), writes=True)
    assert isinstance(error, NotPermittedError)
    assert error.code == "accounts:write"
    assert "accounts:write" in error.message


@pytest.mark.parametrize(
    "body",
    [
        {"error": True, "errors": "Admin access required"},
        {"error": True, "message": "Only an administrator can change the product catalog."},
        {"detail": "API tokens and organization API keys cannot read or manage other "
                   "credentials. Sign in to manage them."},
    ],
)  # fmt: skip
def test_other_403s_are_missing_rights(body: dict[str, Any]) -> None:
    assert isinstance(told(answer(403, body)), NotPermittedError)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"error": True, "errors": {"name": ["Account already exists with this name"]}},
         "duplicate", "name"),
        ({"error": True, "errors": {"email": ["Contact already exists with this email"]}},
         "duplicate", "email"),
        ({"error": True, "errors": {"last_name": ["This field is required."]}},
         "required", "last_name"),
        ({"error": True, "errors": {"last_name": ["This field may not be null."]}},
         "required", "last_name"),
        ({"errors": {"name": ["Ensure this field has no more than 255 characters."]}},
         "too_long", "name"),
        ({"error": True, "errors": {"country": ['"XX" is not a valid choice.']}},
         "unknown_choice", "country"),
        ({"error": True, "errors": {"email": ["Enter a valid email address."]}},
         "invalid_value", "email"),
        ({"errors": {"phone": ["Enter a valid phone number (7-25 characters, digits and ...)"]}},
         "invalid_value", "phone"),
        ({"error": True, "errors": {"account": ["No such account."]}}, "not_found", "account"),
        ({"error": True, "errors": {"custom_fields": {"erp_balance": "must be a number"}}},
         "invalid_value", "custom_fields.erp_balance"),
        ({"error": True, "errors": {"custom_fields": {"role": "must be one of ['a', 'b']"}}},
         "unknown_choice", "custom_fields.role"),
        ({"contacts": ["'x' is not a valid id."]}, "invalid_value", "contacts"),
        ({"detail": "JSON parse error"}, "rejected", None),
        ({"error": True, "message": "Something else"}, "rejected", None),
        ({"error": True, "errors": {"non_field_errors": ["Not like this"]}}, "rejected", None),
    ],
)  # fmt: skip
def test_a_400_names_code_and_field(body: dict[str, Any], code: str, field: str | None) -> None:
    error = told(answer(400, body), writes=True)
    assert isinstance(error, RejectedError)
    assert (error.code, error.field) == (code, field)


def test_a_refused_value_is_not_repeated() -> None:
    body = {"errors": {"country": ['"Atlantis" is not a valid choice.'],
                       "contacts": ["'secret-id' is not a valid id."],
                       "email": ["jane@acme.example is taken"]}}  # fmt: skip
    text = " ".join(refusal.message for refusal in refusals(body))
    assert "valid choice" in text
    for value in ("Atlantis", "secret-id", "jane@acme.example"):
        assert value not in text


def test_every_complaint_is_listed() -> None:
    body = {"error": True, "errors": {
        "closed_on": "A deal cannot be closed without the date it closed on.",
        "amount": "A won deal has to record what it was worth."}}  # fmt: skip
    assert [(r.code, r.field) for r in refusals(body)] == [
        ("required", "closed_on"), ("required", "amount"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "No Account matches the given query."},
        {"error": True, "errors": "Opportunity not found."},
        {"error": True, "message": "Product not found"},
    ],
)
def test_an_absent_record_is_a_json_404(body: dict[str, Any]) -> None:
    assert is_absent(answer(404, body))
    error = told(answer(404, body), writes=True)
    assert isinstance(error, RejectedError)
    assert error.code == "not_found"


def test_an_html_404_is_a_wrong_address_not_an_absent_record() -> None:
    assert not is_absent(answer(404))
    assert isinstance(told(answer(404)), TransientError)


def test_a_module_switched_off_is_no_absent_record() -> None:
    body = {"detail": "Deals is switched off for this organization.", "code": "module_off",
            "module": "deals"}  # fmt: skip
    assert not is_absent(answer(404, body))
    error = told(answer(404, body))
    assert isinstance(error, NotPermittedError)
    assert "switched off" in error.message


@pytest.mark.parametrize("status", [500, 502, 504])
def test_after_a_crash_a_write_may_have_happened(status: int) -> None:
    assert isinstance(told(answer(status), writes=True), UnknownOutcomeError)
    assert isinstance(told(answer(status)), TransientError)


def test_an_overloaded_server_has_written_nothing() -> None:
    error = told(answer(503), writes=True)
    assert type(error) is TransientError


def test_throttling_says_until_when() -> None:
    error = told(answer(429, {}, **{"Retry-After": "30"}))
    assert isinstance(error, ThrottledError)
    assert error.until == NOW + timedelta(seconds=30)


def test_a_page_where_json_was_due_is_never_a_success() -> None:
    assert isinstance(told(answer(200)), TransientError)
    assert isinstance(told(answer(200), writes=True), UnknownOutcomeError)


@pytest.mark.parametrize("status", [301, 302])
def test_a_redirect_is_a_wrong_address(status: int) -> None:
    error = told(answer(status), writes=True)
    assert type(error) is TransientError
    assert "url" in (error.fix or "")
