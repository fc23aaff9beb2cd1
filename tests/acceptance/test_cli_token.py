"""``interlock token``: shown once, kept as a hash, revoked for good."""

from __future__ import annotations

from .shop import Shop


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(shop: Shop) -> None:
    made = shop.do("token", "create", "quote-button", "--by", "ann")
    assert made.code == 0
    token = made.out.split()[0]
    assert token.startswith("il_")
    listed = shop.do("token", "list")
    assert "quote-button" in listed.flat
    assert "by ann" in listed.flat
    assert token.rpartition("_")[2] not in listed.out
    assert token.rpartition("_")[2].encode() not in (shop.root / "interlock.db").read_bytes()
    assert shop.do("token", "revoke", "quote-button").code == 0
    [one] = shop.do("token", "list", "--json").json["tokens"]
    assert one["revoked_at"] is not None
    assert shop.do("token", "revoke", "quote-button").code == 2


def test_bad_names_and_scopes_are_refused_plainly(shop: Shop) -> None:
    for arguments in (("Über",), ("",), ("x" * 41,), ("ok", "--scope", "root")):
        got = shop.do("token", "create", *arguments, "--json")
        assert got.code == 2, arguments
        assert got.json["error"]["fix"]
    assert shop.do("token", "create", "ok", "--scope", "admin").code == 0
    again = shop.do("token", "create", "ok")
    assert again.code == 2
    assert "already" in again.flat
