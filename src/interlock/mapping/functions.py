"""Python functions in mapping files, named ``package.module:function``.

``functions.NAME:function`` is a file of the project's ``functions/`` folder; anything else must be
an installed package.  A function takes one value and gives one value, like an expression.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.mapping.codecs import CodecError
from interlock.mapping.expressions import Plain, checked

__all__ = ["Function", "load_function"]

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Function:
    """A loaded function; ``digest`` changes with the code of a project's own function."""

    name: str
    call: Callable[[Any], Any]
    digest: str = ""

    def __call__(self, value: object) -> Plain:
        """Call it; its exceptions become ``CodecError`` with their type, never their text."""
        try:
            result = self.call(value)
        except Exception as error:  # noqa: BLE001 - a user's code may raise anything
            # the text of a foreign exception may quote the value
            raise CodecError(f"{self.name} failed with {type(error).__name__}") from None
        return checked(result, self.name)


def load_function(name: str, root: Path) -> Function:
    """Load a function for the project in ``root``; raises ``CodecError`` with what to do."""
    if not _NAME.fullmatch(name):
        raise CodecError(
            f"{name!r} does not name a function", fix="write it as functions.module:function"
        )
    module_name, _, attribute = name.partition(":")
    if module_name.partition(".")[0] == "functions":
        module, digest = _project_module(module_name, root)
    else:
        module, digest = _installed_module(module_name), ""
    function = getattr(module, attribute, None)
    if not callable(function):
        raise CodecError(f"{module_name} has no function {attribute!r}")
    return Function(name, function, digest)


def _project_module(module_name: str, root: Path) -> tuple[ModuleType, str]:
    parts = module_name.split(".")[1:]
    if not parts:
        raise CodecError(
            "'functions' is the folder, not a module", fix="write functions.module:function"
        )
    file = root.joinpath("functions", *parts).with_suffix(".py")
    if not file.is_file():
        raise CodecError(
            f"there is no file {'/'.join(('functions', *parts))}.py in the project folder"
        )
    code = file.read_bytes()
    digest = sha256(code).hexdigest()[:12]
    # one name per file and content: two projects in one process never share a module
    unique = f"_interlock_{sha256(str(file.resolve()).encode()).hexdigest()[:12]}_{digest}"
    if unique in sys.modules:
        return sys.modules[unique], digest
    module = ModuleType(unique)
    module.__file__ = str(file)
    try:
        exec(compile(code, str(file), "exec"), module.__dict__)  # noqa: S102 - the user's own code
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CodecError(f"{module_name} cannot be loaded: {reason}") from error
    sys.modules[unique] = module
    return module, digest


def _installed_module(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise CodecError(
            f"{module_name} cannot be imported: {error}",
            fix="install the package, or put the file into the project's functions/ folder "
            "and write functions.module:function",
        ) from error
