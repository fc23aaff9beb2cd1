"""The OpenAPI document, and what happens to calls that nobody would make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from interlock.service.session import make_session
from interlock.service.tokens import create_token
from interlock.web import make_app
from tests.integration.company import Company
from tests.integration.test_many_letters import fill
from tests.integration.test_orders import Shop

from .calling import serving


async def test_the_document_names_every_route_and_what_it_answers(company: Company) -> None:
    async with serving(company) as callers:
        document = (await callers["viewer"]("GET", "/v1/openapi.json")).json
    assert document["openapi"].startswith("3.")
    operations = [
        (path, method, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    assert len(operations) > 30
    named = document["components"]["schemas"]
    for path, method, told in operations:
        assert told["x-interlock-scope"], f"{method} {path}"
        assert told["responses"]["200"]["content"]
        for ref in _refs(told):
            assert ref.rpartition("/")[2] in named, f"{path}: {ref}"
    for ref in _refs(named):
        assert ref.rpartition("/")[2] in named, ref


def _refs(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [r for value in part.values() for r in _refs(value)]
    if isinstance(part, list):
        return [r for value in part for r in _refs(value)]
    return []


@pytest.fixture
async def fuzzed(tmp_path: Path) -> Any:
    """An app over a company with something of everything, and a token that may do all."""
    company = Company(tmp_path)
    shop = await Shop.open(company)
    shop.deal()
    await company.rest()
    fill(company, 4)
    with company.store() as store:
        session = make_session(company.project(), store, clock=company.clock, new_id=company.new_id)
        token = create_token(store, "fuzz", "admin", by="tester", now=company.clock()).token
        yield make_app(session), token
    company.close()


def test_no_call_ends_in_a_server_error(fuzzed: Any) -> None:
    app, token = fuzzed
    document = app.openapi()
    # a plan reads two systems; it is tried by hand elsewhere
    del document["paths"]["/v1/plans"]["post"]
    api = schemathesis.openapi.from_dict(document)
    api.app = app
    tried = 0
    for operation in api.get_all_operations():
        case_of = operation.ok().as_strategy()
        tried += _try(app, token, case_of)
    assert tried > 200


def _try(app: Any, token: str, case_of: Any) -> int:
    from hypothesis import given

    tried = 0

    @settings(
        max_examples=8, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), derandomize=True,
    )  # fmt: skip
    @given(case=case_of)
    def call(case: Any) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"},
            checks=[not_a_server_error, content_type_conformance, response_schema_conformance],
        )

    call()
    return tried
