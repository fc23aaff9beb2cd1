"""Connection and authentication: what a connection that does not work looks like."""

from __future__ import annotations

import pytest

from interlock.connectors.base import Connector, Severity
from interlock.errors import ConnectorError, NeedsAuthError, TransientError
from interlock.testing.conformance.harness import Harness, Wrong
from interlock.testing.conformance.suite import Conformance, bring_about

__all__ = ["BaseConnection"]


class BaseConnection(Conformance):
    """A connection works, or says plainly why not."""

    async def test_check_finds_a_good_connection_good(self, connector: Connector) -> None:
        """Nothing in the way is reported for the harness's own settings."""
        report = await connector.check()
        wrong = [f for f in report.findings if f.severity is Severity.ERROR]
        assert report.ok, wrong
        assert report.findings, "check must say what it looked at"

    @pytest.mark.parametrize("wrong", list(Wrong))
    async def test_check_reports_what_is_wrong(self, harness: Harness, wrong: Wrong) -> None:
        """It does not raise, and each error comes with a way to mend it."""
        async with harness.connect(wrong=wrong) as connector:
            report = await connector.check()
        errors = [f for f in report.findings if f.severity is Severity.ERROR]
        assert errors
        assert all(finding.message for finding in errors)
        assert any(finding.fix for finding in errors)

    async def test_wrong_credentials_need_a_person(self, harness: Harness) -> None:
        """Reading with them pauses the connection instead of retrying."""
        async with harness.connect(wrong=Wrong.CREDENTIALS) as connector:
            with pytest.raises(NeedsAuthError):
                await connector.sweep(harness.entities[0], None)

    async def test_unreachable_system_is_transient(self, harness: Harness) -> None:
        """Reading is tried again later."""
        async with harness.connect(wrong=Wrong.ADDRESS) as connector:
            with pytest.raises(TransientError):
                await connector.sweep(harness.entities[0], None)

    async def test_overloaded_system_is_transient(
        self, harness: Harness, connector: Connector
    ) -> None:
        """A 503 passes; the next call works."""
        await bring_about(harness.fail_next, 503)
        with pytest.raises(TransientError):
            await connector.sweep(harness.entities[0], None)
        await connector.sweep(harness.entities[0], None)

    @pytest.mark.parametrize("status", [200, 502, 503])
    async def test_web_page_instead_of_data_is_a_clear_error(
        self, harness: Harness, connector: Connector, status: int
    ) -> None:
        """A gateway's page is one of our errors, without its markup, whatever the status."""
        await bring_about(harness.fail_next, status, html=True)
        with pytest.raises(ConnectorError) as caught:
            await connector.sweep(harness.entities[0], None)
        assert caught.value.message
        assert "<" not in caught.value.message
