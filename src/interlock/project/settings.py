"""Checks parts of a file against pydantic models; findings speak of the file, not of Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from interlock.governance.document import Document, Place, suggest
from interlock.project.secrets import Secrets, dotted

__all__ = ["SettingsReader", "check_version"]

_M = TypeVar("_M", bound=BaseModel)


def check_version(document: Document, version: int) -> bool:
    """Say whether the file can be read; note a version that is missing or newer."""
    stated = document.data.get("schema_version")
    if stated is None:
        document.refuse((), "schema_version is missing", f"add `schema_version: {version}` on top")
    elif not isinstance(stated, int) or isinstance(stated, bool) or stated < 1:
        document.refuse(("schema_version",), "schema_version is not a number", f"write {version}")
    elif stated > version:
        document.refuse(
            ("schema_version",),
            f"schema_version {stated} is newer than this Interlock, which reads up to {version}",
            "upgrade Interlock",
        )
    else:
        return True
    return False


class SettingsReader:
    """Reads models out of a document whose references are resolved already."""

    def __init__(self, document: Document, secrets: Secrets) -> None:
        self.document = document
        self.secrets = secrets

    def read(self, model: type[_M], data: Any, place: Place) -> _M | None:
        """Validate; what is wrong is noted in the document, without any value."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors(
                include_input=False, include_url=False, include_context=False
            ):
                where = (*place, *_known_steps(detail["loc"], data))
                # an unresolved reference has been noted; what follows from it is noise
                if where not in self.secrets.missing:
                    message, fix = self._explain(
                        model, detail["type"], detail["msg"], detail["loc"]
                    )
                    self.document.refuse(
                        where, self.secrets.hide(f"{dotted(where)}: {message}"), fix
                    )
            return None

    def _explain(
        self, model: type[BaseModel], kind: str, text: str, loc: tuple[int | str, ...]
    ) -> tuple[str, str | None]:
        owner = _model_at(model, loc[:-1])
        name = str(loc[-1]) if loc else ""
        field = owner.model_fields.get(name) if owner else None
        described = None if field is None else field.description
        match kind:
            case "missing":
                return "is missing", described
            case "extra_forbidden":
                return "is not known here", suggest(name, owner.model_fields) if owner else None
            case "string_type":
                return "must be text", "put it into quotes"
            case _:
                return _plain(text), described

    def refuse_clear_secrets(self, settings: BaseModel, place: Place) -> None:
        """Note every secret that the file states instead of naming."""
        for name, field in type(settings).model_fields.items():
            value = getattr(settings, name)
            raw = _at(self.document.data, place)
            keys = [k for k in (field.alias, name) if k and isinstance(raw, Mapping) and k in raw]
            if not keys:
                continue
            where = (*place, keys[0])
            if isinstance(value, BaseModel):
                self.refuse_clear_secrets(value, where)
            elif isinstance(value, SecretStr) and self._in_clear(where):
                variable = re.sub(r"\W", "_", f"{place[0]}_{name}").upper()
                self.document.refuse(
                    where,
                    f"{dotted(where)}: a secret stands here in clear",
                    f"put {variable}=... into .env and write {keys[0]}: ${{{variable}}}; "
                    "change the secret if the file was shared",
                )

    def _in_clear(self, place: Place) -> bool:
        if place in self.secrets.missing:
            return False
        stated = str(_at(self.document.data, place))
        return bool(stated) and not re.search(r"\$\{\w+\}", stated)


def _known_steps(loc: tuple[int | str, ...], data: Any) -> Place:
    """Drop the steps pydantic adds for unions and validators; keep a missing last one."""
    steps: list[str | int] = []
    for position, step in enumerate(loc):
        inner = _part(data, step)
        if inner is not None:
            data = inner
        elif not isinstance(data, Mapping) or position < len(loc) - 1:
            continue
        steps.append(step)
    return tuple(steps)


def _part(data: Any, step: int | str) -> Any:
    if isinstance(data, list):
        return data[step] if isinstance(step, int) and step < len(data) else None
    return data.get(step) if isinstance(data, Mapping) else None


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    for step in loc:
        field = model.model_fields.get(str(step))
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return model


def _at(data: Any, place: Place) -> Any:
    for step in place:
        data = _part(data, step)
    return data


def _plain(text: str) -> str:
    return text.removeprefix("Value error, ").replace("Input should", "should")
