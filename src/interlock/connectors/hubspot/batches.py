"""Sending batches of inputs: what became of each, however HubSpot answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from interlock.connectors.base import WriteRequest
from interlock.connectors.hubspot.client import BATCH, Client, RefusedError, parts
from interlock.connectors.hubspot.custom import REFERENCE
from interlock.connectors.hubspot.problems import Problem, read_problem
from interlock.errors import ConnectorError, UnknownOutcomeError

__all__ = ["Answered", "Batches"]

Answered: TypeAlias = Mapping[str, Any] | Problem | ConnectorError
"""The record as it was answered, what HubSpot refuses, or what happened to the call."""


class Batches:
    """The calls of one ``write``.

    Nothing can have been written before the first answer: until then a failure is raised; later
    ones concern the inputs of their own call.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._started = False

    async def send(
        self,
        path: str,
        requests: Sequence[WriteRequest],
        build: Callable[[WriteRequest], dict[str, Any]],
    ) -> dict[str, Answered]:
        """Send inputs, 100 a call; gives an answer for each write by its id."""
        answered: dict[str, Answered] = {}
        for part in parts(requests, BATCH):
            await self._send(path, part, build, answered)
        return answered

    async def _send(
        self,
        path: str,
        part: Sequence[WriteRequest],
        build: Callable[[WriteRequest], dict[str, Any]],
        answered: dict[str, Answered],
    ) -> None:
        traces = {f"w{number}": request.id for number, request in enumerate(part)}
        inputs = [
            build(request) | {"objectWriteTraceId": trace}
            for trace, request in zip(traces, part, strict=True)
        ]
        try:
            answer = await self._client.call("POST", path, json={"inputs": inputs}, writes=True)
        except RefusedError as error:
            if len(part) == 1:
                answered[part[0].id] = error.problem
                return
            # all or none: the bad ones are found by halves
            middle = len(part) // 2
            await self._send(path, part[:middle], build, answered)
            await self._send(path, part[middle:], build, answered)
            return
        except ConnectorError as error:
            self.happened(error)
            answered.update({request.id: error for request in part})
            return
        self._started = True
        answered.update(_sorted_out(answer.data, traces, part))
        for request in part:
            answered.setdefault(request.id, self._unsaid(request))

    def happened(self, error: ConnectorError) -> None:
        """Raise what went wrong when nothing can have been written yet."""
        if isinstance(error, UnknownOutcomeError):
            self._started = True
        if not self._started:
            raise error

    def began(self) -> None:
        """Note that something has been written."""
        self._started = True

    def _unsaid(self, request: WriteRequest) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{self._client.name}: the answer does not say what became of a {request.entity}",
            system=self._client.name, operation="write", code="no_answer",
        )  # fmt: skip


def _sorted_out(
    data: Any, traces: Mapping[str, str], part: Sequence[WriteRequest]
) -> dict[str, Answered]:
    """Tell results and errors apart; their order is promised nowhere.

    A result that does not say which input it belongs to is known by its id or our reference.
    """
    known = {str(request.record_id or request.reference): request.id for request in part}
    answered: dict[str, Answered] = {}
    for result in data.get("results") or ():
        names = (result.get("id"), (result.get("properties") or {}).get(REFERENCE))
        found = traces.get(str(result.get("objectWriteTraceId"))) or next(
            (known[str(name)] for name in names if str(name) in known), None
        )
        if found is not None:
            answered[found] = result
    for error in data.get("errors") or ():
        for trace in (error.get("context") or {}).get("objectWriteTraceId") or ():
            if str(trace) in traces:
                answered[traces[str(trace)]] = read_problem(error)
    return answered
