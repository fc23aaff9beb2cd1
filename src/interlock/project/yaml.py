"""Reads YAML 1.2 into plain data and remembers the line of every part.

Numbers with a decimal point become ``Decimal``; dates stay text, for whoever knows their type.
Errors never quote the file: it may hold a secret.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from interlock.errors import ConfigurationError
from interlock.governance.document import Document, Place

__all__ = ["parse_yaml", "read_yaml"]

_MAX_PARTS = 50_000
_MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"


def read_yaml(file: Path, name: str) -> Document:
    """Read a file; ``name`` is what errors call it."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError("the file is missing", file=name) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            "the file is not UTF-8 text", file=name, fix="save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the file cannot be read: {error.strerror}", file=name) from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> Document:
    """Parse; a key that stands twice is noted in the document, broken YAML is raised."""
    try:
        node = YAML().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigurationError(
            f"broken YAML: {error.problem or error.context}",
            file=name,
            line=None if mark is None else mark.line + 1,
            fix="check the indentation, the quotes and the colons on this line and the one before",
        ) from None
    except YAMLError:
        raise ConfigurationError(
            "broken YAML: a character that YAML does not allow", file=name
        ) from None
    except RecursionError:
        raise ConfigurationError("the file is nested too deeply", file=name) from None
    builder = _Builder(Document(name, None))
    data = {} if node is None else builder.build(node, ())
    document = Document(name, data, builder.lines)
    document.problems.extend(builder.document.problems)
    return document


class _Builder:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.lines: dict[Place, int] = {}
        self._parts = 0

    def _note(self, node: Node, message: str, fix: str | None = None) -> None:
        self.document.problems.append(
            ConfigurationError(
                message, file=self.document.file, line=node.start_mark.line + 1, fix=fix
            )
        )

    def build(self, node: Node, path: Place) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._parts += 1
        if self._parts > _MAX_PARTS:
            # aliases of aliases grow without bound
            raise ConfigurationError("the file is too large", file=self.document.file)
        if len(path) > _MAX_DEPTH:
            raise ConfigurationError("the file is nested too deeply", file=self.document.file)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: Place) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, "a key must be a single word")
                continue
            if key_node.value == "<<":
                self._note(key_node, "merge keys (<<) are not supported", "write the lines out")
                continue
            key = self._scalar(key_node)
            where = (*path, key)
            if key in out:
                self._note(
                    key_node,
                    f"{key!r} stands twice, first on line {self.lines[where]}",
                    "keep one of the two",
                )
                continue
            self.lines[where] = key_node.start_mark.line + 1
            out[key] = self.build(value_node, where)
        return out

    def _scalar(self, node: Node) -> Any:
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _whole(text)
            case "float":
                return _decimal(text)
            case "str" | "timestamp":
                return text
            case _:
                self._note(node, f"the tag {node.tag} is not supported", "write plain text")
                return None


def _whole(text: str) -> int | str:
    """Read a whole number; a leading zero (an id, a postcode) keeps it text."""
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    if "_" in text or (len(unsigned) > 1 and unsigned.startswith("0")):
        return text
    return int(digits)


def _decimal(text: str) -> Decimal | str:
    number = text.lower()
    return Decimal(number) if number.strip("+-0123456789.e") == "" else text
