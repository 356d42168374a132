"""
The one codec: records as JSON, JSON as records, and the JSON Schema of both. No I/O, no Airflow.

A record is a frozen dataclass that inherits from :class:`Record`. Its fields are written under their names.
Field types: str, int, float, bool, datetime, Enums of strings, other records, tuples of these, and mappings
as tuples of pairs; each may be optional. An int is a count: it is not negative.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import pairwise
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args, get_origin, get_type_hints

from airflow_provider_sf.rest.json_values import iso, utc
from airflow_provider_sf.rest.storage_limits import MAX_INTEGER, make_storable, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

INLINE = {"inline": True}
"""Metadata of a field: the fields of this record stand beside those of its owner."""

REQUIRED = {"required": True}
"""Metadata of a field with a default: the field must be there when the record is read."""

TRANSIENT = {"transient": True}
"""Metadata of a field that is neither written nor read."""

_SHOWN_BYTES, _REASON_BYTES = 120, 600


class Record:
    """A frozen dataclass with a JSON form."""

    __slots__ = ()

    schema_id: ClassVar[str | None] = None
    """Name and version of the JSON form, its member ``schema``; None for a part of another record."""

    omits_defaults: ClassVar[bool] = False
    """Whether fields that equal their default are left out. Then the defaults are part of the format."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON types; :meth:`from_dict` reads it."""
        written: dict[str, Any] = {"schema": self.schema_id} if self.schema_id else {}
        for field, form in self._members():
            value = getattr(self, field.name)
            if "inline" in field.metadata:
                written.update(value.to_dict())
            elif not (self.omits_defaults and value == field.default):
                written[field.name] = form.write(value)
        return written

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """
        Read what :meth:`to_dict` has written, now or in an earlier release. Unknown members are ignored.

        :raises ValueError: a member is missing or invalid, or the schema is another one
        """
        if not isinstance(data, dict):
            msg = f"expected a JSON object for {cls.__name__}, got {_shown(data)}"
            raise ValueError(msg)  # noqa: TRY004 - one error for all that cannot be read
        if cls.schema_id and data.get("schema") != cls.schema_id:
            msg = f"expected schema {cls.schema_id!r}, got {_shown(data.get('schema'))}"
            raise ValueError(msg)
        values = {}
        for field, form in cls._members():
            if "inline" in field.metadata:
                values[field.name] = form.read(data)
            elif field.init and field.name in data:
                values[field.name] = _read(cls, field.name, form, data[field.name])
            elif field.init and (field.default is MISSING or "required" in field.metadata):
                msg = f"{cls.__name__}: the member {field.name!r} is missing"
                raise ValueError(msg)
        return cls(**values)

    @classmethod
    def _members(cls) -> tuple[tuple[Field[Any], _Form], ...]:
        return _forms(cast("Any", cls))  # mypy takes the hash of instances for that of the class

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of :meth:`to_dict`. Docstrings of fields become descriptions."""
        descriptions = _field_docstrings(cls)
        properties: dict[str, Any] = {"schema": {"const": cls.schema_id}} if cls.schema_id else {}
        for field, form in cls._members():
            if "inline" in field.metadata:
                properties.update(form.schema()["properties"])
            else:
                text = descriptions.get(field.name)
                described = {"description": text} if text else {}
                properties[field.name] = {**described, **form.schema()}
        return {
            "type": "object",
            "description": " ".join((cls.__doc__ or "").strip().partition("\n\n")[0].split()),
            "additionalProperties": False,
            "required": list(properties),
            "properties": properties,
        }


@dataclass(frozen=True, slots=True)
class _Form:
    """How values of one type are written, read and described."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    schema: Callable[[], dict[str, Any]]
    """A function, because a schema needs the source files and a record does not."""


@cache
def _forms(cls: Any) -> tuple[tuple[Field[Any], _Form], ...]:
    hints, declared = get_type_hints(cls), fields(cls)
    written = [field for field in declared if "transient" not in field.metadata]
    return tuple((field, _form(hints[field.name])) for field in written)


@cache
def _form(hint: Any) -> _Form:
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        pair = get_args(arguments[0])
        return _mapping(_form(pair[1])) if len(pair) == 2 else _array(_form(arguments[0]))  # noqa: PLR2004 - a pair
    if NoneType in arguments:
        return _optional(_form(next(kind for kind in arguments if kind is not NoneType)))
    if hint in _SCALARS:
        return _SCALARS[hint]
    if issubclass(hint, Enum):
        return _Form(
            lambda value: value.value,
            lambda value: hint(_expect(str, value)),
            lambda: {"enum": [item.value for item in hint]},
        )
    return _Form(lambda value: value.to_dict(), hint.from_dict, hint.json_schema)


def _optional(form: _Form) -> _Form:
    return _Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
        lambda: _nullable(form.schema()),
    )


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _array(form: _Form) -> _Form:
    return _Form(
        lambda values: [form.write(value) for value in values],
        lambda values: tuple(form.read(value) for value in _expect(list, values)),
        lambda: {"type": "array", "items": form.schema()},
    )


def _mapping(form: _Form) -> _Form:
    return _Form(
        lambda pairs: {name: form.write(value) for name, value in pairs},
        lambda values: tuple(
            (make_storable(name), form.read(value)) for name, value in _expect(dict, values).items()
        ),
        lambda: {"type": "object", "additionalProperties": form.schema()},
    )


def _expect(kind: type[Any], value: object) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        msg = f"expected a JSON {_NAMES[kind]}, got {_shown(value)}"
        raise ValueError(msg)
    return value


def _integer(value: object) -> int:
    number: int = _expect(int, value)
    if abs(number) > MAX_INTEGER:
        msg = f"expected an integer of 64 bits, got {_shown(value)}"
        raise ValueError(msg)
    return number


def _count(value: object) -> int:
    number = _integer(value)
    if number < 0:
        msg = f"expected a count, got {_shown(value)}"
        raise ValueError(msg)
    return number


def _number(value: object) -> float:
    number: float = _expect(float, float(_integer(value)) if type(value) is int else value)
    if not math.isfinite(number):
        msg = f"expected a finite number, got {_shown(value)}"
        raise ValueError(msg)
    return number


def _time(value: object) -> datetime:
    time = utc(value)
    if time is None:
        msg = f"expected an ISO 8601 time, got {_shown(value)}"
        raise ValueError(msg)
    return time


def _same(value: Any) -> Any:
    return value


_NAMES = {list: "array", dict: "object", str: "string", int: "integer", float: "number", bool: "boolean"}

_SCALARS: dict[Any, _Form] = {
    str: _Form(_same, lambda value: make_storable(_expect(str, value)), lambda: {"type": "string"}),
    int: _Form(_same, _count, lambda: {"type": "integer", "minimum": 0}),
    float: _Form(_same, _number, lambda: {"type": "number"}),
    bool: _Form(_same, lambda value: _expect(bool, value), lambda: {"type": "boolean"}),
    datetime: _Form(iso, _time, lambda: {"type": "string", "format": "date-time"}),
}


def _read(cls: type[Any], name: str, form: _Form, value: object) -> Any:
    try:
        return form.read(value)
    except ValueError as error:
        reason = shorten(str(error), _REASON_BYTES)
        msg = f"{cls.__name__}: the member {name!r} cannot be read: {reason}"
        raise ValueError(msg) from error


def _shown(value: object) -> str:
    try:
        return shorten(repr(value), _SHOWN_BYTES)
    except RecursionError:
        return f"a deeply nested {_NAMES[type(value)]}"


def _field_docstrings(cls: type[Any]) -> dict[str, str]:
    """Return the string literals that follow the fields of a class in its source."""
    import ast  # noqa: PLC0415 - a schema is written rarely
    import inspect  # noqa: PLC0415
    import textwrap  # noqa: PLC0415

    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    statements = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(statements)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
