"""The connector's own decisions, on answers put in the client's place."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.connectors.base import ConnectorContext, Outcome, WriteKind, WriteRequest
from interlock.connectors.bottlecrm import plugin
from interlock.connectors.bottlecrm.objects import CUSTOM_FIELDS, RESOURCES
from interlock.connectors.kit import Answer
from interlock.errors import (
    NeedsAuthError,
    NotPermittedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import Fields

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
ID = "71acc63b-1090-471e-b531-cff331a8a3f4"
DEFINITIONS = [
    {"target_model": RESOURCES[entity].model, "key": item.key, "field_type": item.kind,
     "is_active": True}
    for entity, items in CUSTOM_FIELDS.items() for item in items
]  # fmt: skip


class Server:
    """Answers by method and path; a value that is an exception is raised."""

    name = "crm"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.answers: dict[tuple[str, str], Any] = {
            ("GET", "/api/org/settings/"): {"default_currency": "USD"},
            ("GET", "/api/custom-fields/"): {"definitions": DEFINITIONS},
        }

    def on(self, method: str, path: str, given: Any) -> None:
        self.answers[method, path] = given

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        data = self._answer("GET", path, params)
        status = 404 if data is None else 200
        return Answer(status=status, headers={}, data=data or {}, is_json=True, excerpt="",
                      sent_at=NOW)  # fmt: skip

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        return self._answer(method, path, body)

    def _answer(self, method: str, path: str, sent: Any) -> Any:
        self.calls.append((method, path, sent))
        given = self.answers[method, path]
        if isinstance(given, Callable):  # type: ignore[arg-type]
            given = given(sent)
        if isinstance(given, Exception):
            raise given
        return given

    def count(self, method: str, path: str) -> int:
        return sum(call[:2] == (method, path) for call in self.calls)


def connect(server: Server, overrides: MappingOverrides | None = None) -> Any:
    settings = plugin.settings.model_validate({"url": "http://crm.example", "token": "bcrm_pat_x"})
    context = ConnectorContext(
        connection="crm", installation="4k2m9x", clock=lambda: NOW, wanted={},
        overrides=overrides or MappingOverrides(),
    )  # fmt: skip
    connector: Any = plugin.connect(settings, context)
    for part in (connector, connector._organization, connector._writer, connector._definitions):
        part._client = server
    return connector


def account(**changes: Any) -> dict[str, Any]:
    custom = changes.pop("custom_fields", {})
    return {"id": ID, "name": "Acme", "is_active": True, "custom_fields": custom} | changes


def create(number: int = 1) -> WriteRequest:
    return WriteRequest(id=f"w{number}", entity="customer", kind=WriteKind.CREATE,
                        fields={"name": f"Acme {number}"}, reference=f"il-{number}")  # fmt: skip


def update(fields: Fields, expected: Fields | None = None) -> WriteRequest:
    return WriteRequest(id="w", entity="customer", kind=WriteKind.UPDATE, record_id=ID,
                        fields=fields, expected=expected or {})  # fmt: skip


async def test_the_reference_goes_with_the_create() -> None:
    server = Server()
    server.on("POST", "/api/accounts/", {"error": False, "id": ID})
    [receipt] = await connect(server).write("customer", [create()])
    assert (receipt.outcome, receipt.record_id) == (Outcome.CREATED, ID)
    sent = next(body for method, _, body in server.calls if method == "POST")
    assert sent == {"name": "Acme 1", "custom_fields": {"interlock_ref": "il-1"}}


async def test_an_answer_without_an_id_leaves_the_create_unsure() -> None:
    server = Server()
    server.on("POST", "/api/accounts/", {"error": False})
    [receipt] = await connect(server).write("customer", [create()])
    assert receipt.outcome is Outcome.UNKNOWN


async def test_a_task_made_and_not_found_for_want_of_a_call_may_be_there() -> None:
    server = Server()
    server.on("POST", "/api/tasks/", {"error": False})
    server.on("GET", "/api/tasks/", ThrottledError("no calls left"))
    made = WriteRequest(id="w", entity="task", kind=WriteKind.CREATE, fields={"subject": "Call"},
                        reference="il-1")  # fmt: skip
    [receipt] = await connect(server).write("task", [made])
    assert receipt.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "error", [TransientError("x"), NeedsAuthError("x"), NotPermittedError("x"), ThrottledError("x")]
)
async def test_a_failure_of_the_whole_batch_is_raised(error: Exception) -> None:
    server = Server()
    server.on("POST", "/api/accounts/", error)
    with pytest.raises(type(error)):
        await connect(server).write("customer", [create(1), create(2)])


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("x"), Outcome.TRANSIENT),
        (NeedsAuthError("x"), Outcome.TRANSIENT),
        (ThrottledError("x", until=NOW), Outcome.THROTTLED),
        (NotPermittedError("x"), Outcome.REJECTED),
        (UnknownOutcomeError("x"), Outcome.UNKNOWN),
    ],
)
async def test_once_something_was_written_each_record_gets_its_own_receipt(
    error: Exception, outcome: Outcome
) -> None:
    server = Server()
    server.on("POST", "/api/accounts/",
              lambda body: error if body["name"] == "Acme 2" else {"id": ID})  # fmt: skip
    receipts = await connect(server).write("customer", [create(1), create(2)])
    assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED, outcome]
    assert receipts[1].reason is not None
    assert receipts[1].until == (NOW if outcome is Outcome.THROTTLED else None)


async def test_an_unsure_write_is_never_raised() -> None:
    server = Server()
    server.on("POST", "/api/accounts/", UnknownOutcomeError("x"))
    [receipt] = await connect(server).write("customer", [create()])
    assert receipt.outcome is Outcome.UNKNOWN


async def test_a_custom_field_nobody_defined_is_refused_before_anything_is_sent() -> None:
    overrides = MappingOverrides({"customer": {"tax_id": FieldOverride(path="custom_fields.vat")}})
    server = Server()
    with pytest.raises(NotPermittedError, match="vat"):
        await connect(server, overrides).write("customer", [update({"tax_id": "1"})])
    assert server.count("PATCH", f"/api/accounts/{ID}/") == 0
    assert server.count("GET", "/api/custom-fields/") == 2, "it may just have been made"


async def test_a_value_mapped_to_the_users_own_custom_field_is_written_there() -> None:
    overrides = MappingOverrides({"customer": {"tax_id": FieldOverride(path="custom_fields.vat")}})
    server = Server()
    own = {"target_model": "Account", "key": "vat", "field_type": "text", "is_active": True}
    server.on("GET", "/api/custom-fields/", {"definitions": [*DEFINITIONS, own]})
    server.on("PATCH", f"/api/accounts/{ID}/", {"error": False})
    [receipt] = await connect(server, overrides).write("customer", [update({"tax_id": "1"})])
    assert receipt.outcome is Outcome.UPDATED
    assert server.calls[-1][2] == {"custom_fields": {"vat": "1"}}


async def test_an_update_decided_on_an_old_value_is_a_conflict() -> None:
    server = Server()
    server.on("GET", f"/api/accounts/{ID}/", {"account_obj": account(name="Theirs")})
    [receipt] = await connect(server).write("customer", [update({"name": "Ours"}, {"name": "A"})])
    assert receipt.outcome is Outcome.CONFLICT
    assert receipt.record is not None
    assert receipt.record.fields["name"] == "Theirs"


async def test_a_value_that_cannot_be_compared_is_not_overwritten() -> None:
    server = Server()
    stored = {"shipping_country": "Belgium"}
    server.on("GET", f"/api/accounts/{ID}/", {"account_obj": account(custom_fields=stored)})
    write = update({"shipping_address": None}, {"shipping_address": None})
    [receipt] = await connect(server).write("customer", [write])
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == ("invalid_value", "shipping_address")


async def test_find_asks_the_database_where_it_can_filter() -> None:
    server = Server()
    rows = [account(custom_fields={"interlock_ref": "il-1"})]
    server.on("GET", "/api/accounts/", lambda query: {
        "active_accounts": {"open_accounts": rows if query["cf_interlock_ref"] == "il-1" else [],
                            "open_accounts_count": 1},
        "closed_accounts": {"close_accounts": [], "close_accounts_count": 0},
    })  # fmt: skip
    found = await connect(server).find("customer", ["il-1", "il-2"])
    assert {key: [hit.record.id for hit in hits] for key, hits in found.items()} == {"il-1": [ID]}
    assert server.count("GET", "/api/accounts/") == 2


async def test_find_reads_the_list_where_the_database_cannot_filter() -> None:
    server = Server()
    rows = [account(custom_fields={"interlock_ref": "il-1"}), account(id="other")]

    def answer(query: Mapping[str, Any]) -> Any:
        if "cf_interlock_ref" in query:
            return TransientError("HTTP 500", code="server_error")
        shown = rows if query["is_active"] == "true" else []
        return {
            "active_accounts": {"open_accounts": shown, "open_accounts_count": len(shown)},
            "closed_accounts": {"close_accounts": [], "close_accounts_count": 0},
        }

    server.on("GET", "/api/accounts/", answer)
    found = await connect(server).find("customer", ["il-1", "il-2"])
    assert {key: [hit.record.id for hit in hits] for key, hits in found.items()} == {"il-1": [ID]}


async def test_find_does_not_take_an_outage_for_an_answer() -> None:
    server = Server()
    server.on("GET", "/api/accounts/", TransientError("no answer", code="no_answer"))
    with pytest.raises(TransientError):
        await connect(server).find("customer", ["il-1"])


async def test_an_id_bottlecrm_never_gave_is_absent_without_a_call() -> None:
    server = Server()
    assert list(await connect(server).fetch("customer", ["42"])) == []
    assert server.calls == []


async def test_definitions_are_read_again_after_five_minutes_not_before() -> None:
    from datetime import timedelta

    from interlock.connectors.bottlecrm.organization import OrganizationReader

    now = [NOW]
    context = ConnectorContext(connection="crm", installation="i", clock=lambda: now[0], wanted={})
    server = Server()
    reader = OrganizationReader(server, context)  # type: ignore[arg-type]
    for minutes in (0, 4, 2):
        now[0] += timedelta(minutes=minutes)
        await reader.read()
    assert server.count("GET", "/api/org/settings/") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "crm.example", "token": "bcrm_pat_x"},
        {"url": "https://crm.example", "token": "eyJ.session"},
        {"url": "https://crm.example", "token": "bcrm_pat_x", "page_size": 1},
        {"url": "https://crm.example", "token": "bcrm_pat_x", "pagesize": 10},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        plugin.settings.model_validate(wrong)


def test_the_address_may_be_given_with_api() -> None:
    settings: Any = plugin.settings.model_validate(
        {"url": "https://crm.example/api/", "token": "bcrm_pat_x"}
    )
    assert settings.url == "https://crm.example"
    assert "bcrm_pat_x" not in repr(settings)
