"""The command starts fast: nothing heavy is imported before a command needs it."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_line_imports_only_typer_and_rich() -> None:
    code = (
        "import sys, interlock.cli;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"interlock", "rich", "typer"} <= loaded
    heavy = {
        "sqlalchemy", "alembic", "aiohttp", "pydantic", "msgspec", "ruamel", "structlog",
        "tldextract", "stdnum", "cel_expr_python",
    }  # fmt: skip
    assert not loaded & heavy


def test_the_command_line_imports_no_other_part_of_interlock_but_the_errors() -> None:
    code = (
        "import sys, interlock.cli;"
        "print(*{m for m in sys.modules if m.startswith('interlock.')"
        " and not m.startswith('interlock.cli')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["interlock.errors"]
