"""Tokens: made, listed and revoked by whoever may."""

from __future__ import annotations

from fastapi import Response

from interlock.service.tokens import (
    NewToken,
    Scope,
    TokenView,
    create_token,
    list_tokens,
    revoke_token,
)
from interlock.web import inputs
from interlock.web.desk import AtDesk, By
from interlock.web.inputs import Name
from interlock.web.routes import Routes, answer

__all__ = ["routes"]

routes = Routes("tokens")


@routes.get("/v1/tokens", returns=list[TokenView], scope=Scope.ADMIN)
def tokens(desk: AtDesk) -> Response:
    """All tokens, without their secrets."""
    return answer(list_tokens(desk.store))


@routes.post("/v1/tokens", returns=NewToken, scope=Scope.ADMIN)
def create(desk: AtDesk, by: By, body: inputs.NewTokenBody) -> Response:
    """Make a token; it is shown this once."""
    return answer(create_token(desk.store, body.name, body.scope, by=by, now=desk.now()))


@routes.post("/v1/tokens/{name}/revoke", returns=TokenView, scope=Scope.ADMIN)
def revoke(desk: AtDesk, by: By, name: Name) -> Response:
    """Let a token count no longer."""
    return answer(revoke_token(desk.store, name, by=by, now=desk.now()))
