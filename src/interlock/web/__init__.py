"""The HTTP API: thin; every use case is one of ``service``, the same the command line calls."""

from interlock.web.app import make_app

__all__ = ["make_app"]
