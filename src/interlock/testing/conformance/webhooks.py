"""Webhooks: believed only when proven, and never more than a hint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from interlock.connectors.base import Connector, Hint, Refusal, RefusalCode, Webhook
from interlock.testing.conformance.harness import Harness
from interlock.testing.conformance.suite import Conformance, fetch_one, need, text_of

__all__ = ["BaseWebhooks"]

_TRANSPORT = ("content-type", "content-length", "host", "user-agent")


class BaseWebhooks(Conformance):
    """Signature, replay, disorder."""

    async def test_undeclared_webhooks_refuse(self, harness: Harness, connector: Connector) -> None:
        """With NotImplementedError: nothing is believed of a system that calls nobody."""
        if connector.capabilities.webhooks:
            pytest.skip("webhooks are declared")
        with pytest.raises(NotImplementedError):
            connector.hints(Webhook(headers={}, body=b"", at=harness.now()))

    async def test_a_signed_webhook_names_its_records(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """All of them, each once, in whatever number one call bundles them."""
        need(connector.capabilities.webhooks, "webhooks")
        ids = [await harness.seed_sample(entity) for _ in range(2)]
        sent = harness.webhook(harness.webhook_body(entity, [*ids, ids[0]]), harness.now())
        assert sorted(h.record_id for h in _of(entity, connector.hints(sent))) == sorted(ids)

    async def test_what_is_not_proven_is_refused(
        self, harness: Harness, connector: Connector
    ) -> None:
        """No signature, another secret's, one of another body; nothing of it is repeated."""
        need(connector.capabilities.webhooks, "webhooks")
        now, entity = harness.now(), harness.entities[0]
        body = harness.webhook_body(entity, ["4711"])
        good = harness.webhook(body, now)
        bare = {name: text for name, text in good.headers.items() if name in _TRANSPORT}
        for wrong, codes in (
            (msgspec.structs.replace(good, headers=bare), {RefusalCode.UNSIGNED}),
            (harness.webhook(body, now, secret=harness.token), {RefusalCode.WRONG_SIGNATURE}),
            (msgspec.structs.replace(good, body=body + b" "), {RefusalCode.WRONG_SIGNATURE}),
            (msgspec.structs.replace(good, body=b""), {RefusalCode.WRONG_SIGNATURE}),
        ):
            refused = connector.hints(wrong)
            assert isinstance(refused, Refusal)
            assert refused.code in codes
            assert "4711" not in refused.message
            assert not any(secret in refused.message for secret in harness.secrets())

    async def test_signatures_that_are_no_text_are_refused(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Whatever stands in the headers, the answer is a refusal, not an error."""
        need(connector.capabilities.webhooks, "webhooks")
        good = harness.webhook(harness.webhook_body(harness.entities[0], ["1"]), harness.now())
        for nonsense in ("\xff\x00é", "v1=", "0", "-1", "9" * 400):
            strange = {
                name: text if name in _TRANSPORT else nonsense
                for name, text in good.headers.items()
            }
            refused = connector.hints(msgspec.structs.replace(good, headers=strange))
            assert isinstance(refused, Refusal)

    async def test_an_old_webhook_is_refused(self, harness: Harness, connector: Connector) -> None:
        """A recorded one, sent again an hour later, or dated an hour ahead."""
        need(connector.capabilities.webhooks, "webhooks")
        if not harness.webhooks_dated:
            pytest.skip("the system's webhooks are not dated")
        body = harness.webhook_body(harness.entities[0], ["1"])
        good = harness.webhook(body, harness.now())
        for later in (timedelta(hours=1), timedelta(hours=-1)):
            refused = connector.hints(msgspec.structs.replace(good, at=good.at + later))
            assert isinstance(refused, Refusal)
            assert refused.code is RefusalCode.OUT_OF_TIME

    async def test_a_proven_body_that_cannot_be_read_is_refused(
        self, harness: Harness, connector: Connector
    ) -> None:
        """The sender is known, the form is not: no error, and nothing is guessed."""
        need(connector.capabilities.webhooks, "webhooks")
        for body in (b"", b"\xff\xfe", b"<html>", b"[[", b"7", b'"text"', b"null"):
            refused = connector.hints(harness.webhook(body, harness.now()))
            assert isinstance(refused, Refusal), body
            assert refused.code is RefusalCode.UNREADABLE

    async def test_a_body_beyond_measure_is_refused(
        self, harness: Harness, connector: Connector
    ) -> None:
        """Before it is parsed."""
        need(connector.capabilities.webhooks, "webhooks")
        refused = connector.hints(harness.webhook(b" " * (8 << 20), harness.now()))
        assert isinstance(refused, Refusal)
        assert refused.code is RefusalCode.TOO_LARGE

    async def test_doubled_and_disordered_webhooks_do_no_harm(
        self, harness: Harness, connector: Connector, entity: str
    ) -> None:
        """The later edit's webhook comes first, the earlier one twice: a fetch shows the last."""
        need(connector.capabilities.webhooks, "webhooks")
        record_id = await harness.seed_sample(entity)
        name = text_of(harness, connector, entity)
        sent = []
        for word in ("first", "last"):
            await harness.edit(entity, record_id, {name: f"{word} {harness.token}"})
            sent.append(harness.webhook(harness.webhook_body(entity, [record_id]), harness.now()))
        first, last = sent
        for webhook in (last, first, first):
            assert _of(entity, connector.hints(webhook)) == [Hint(entity, record_id)]
        seen = await fetch_one(connector, entity, record_id)
        assert seen.fields[name] == f"last {harness.token}"


def _of(entity: str, answered: Sequence[Hint] | Refusal) -> list[Hint]:
    """Give the hints at records of an entity; a parent may be hinted at besides."""
    assert not isinstance(answered, Refusal), answered.message
    return [hint for hint in answered if hint.entity == entity]
