"""docs/settings.md: every setting of every service, from the classes that read them."""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from plantkit.db.provision import SERVICES
from plantkit.settings import ServiceSettings

PAGE = "docs/settings.md"
_HEAD = """# Settings

Written by `takt docs` from the classes; do not edit.

A service reads its settings from the environment and refuses to start with a wrong one, named. Each may be given as a
file instead, as container platforms mount secrets: `TAKT_RECORDS_AUDIT_KEY_FILE=/run/secrets/audit`. `takt up` gives
what has to be given; what is set in its own environment goes on to the services.
"""
_TABLE = "\n| setting | default | limits | what it is |\n|---|---|---|---|\n"
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def page() -> str:
    common = _section("Every service", "TAKT_<SERVICE>_", ServiceSettings.model_fields)
    return _HEAD + common + "".join(_own(name, settings) for name, settings in _classes())


def incomplete() -> Iterator[str]:
    """Settings of which nobody could tell what they are."""
    for _, settings in _classes():
        yield from undescribed(settings)


def undescribed(settings: type[ServiceSettings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        if not field.description:
            yield f"{settings.__module__}.{name}: a setting says what it is (description)"


def _classes() -> Iterator[tuple[str, type[ServiceSettings]]]:
    for name in SERVICES:
        yield name, import_module(f"{name}.settings").Settings


def _own(name: str, settings: type[ServiceSettings]) -> str:
    fields = {key: field for key, field in settings.model_fields.items() if key not in ServiceSettings.model_fields}
    return _section(name, str(settings.model_config["env_prefix"]), fields)


def _section(title: str, prefix: str, fields: dict[str, FieldInfo]) -> str:
    rows = (
        f"| `{prefix}{name.upper()}` | {_default(field)} | {_limits(field)} | {field.description} |\n"
        for name, field in fields.items()
    )
    return f"\n## {title}\n{_TABLE}{''.join(rows)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    said = _said(to_jsonable_python(field.default, fallback=str))
    return f"`{said}`" if said else "none"


def _said(value: Any) -> str:
    """As it is written in the environment."""
    if isinstance(value, list):
        return ",".join(sorted(value))
    return value if isinstance(value, str) else json.dumps(value) if value is not None else ""


def _limits(field: FieldInfo) -> str:
    found = [
        f"{words} {limit}"
        for mark in field.metadata
        for name, words in _LIMITS.items()
        if (limit := getattr(mark, name, None)) is not None
    ]
    return ", ".join(found)
