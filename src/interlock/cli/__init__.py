"""The command line: parses, calls a use case, shows the outcome.

Importing this module imports typer and rich only; everything else waits until a command needs it.
"""

from interlock.cli.app import main, run

__all__ = ["main", "run"]
