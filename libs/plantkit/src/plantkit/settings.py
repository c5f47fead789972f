"""Settings of a service: environment first, validated before anything starts.

Names are `TAKT_<SERVICE>_<FIELD>`; each may instead be given as `..._FILE`, the path of a file that holds the value.
"""

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_WEAK = ("changeme", "secret", "password", "default", "takt", "example", "test", "admin")
_SHORTEST_SECRET = 32
LONGEST_LEASE_S = 10.0
"""A replay lets so much time pass for relays whose settings it does not see."""


class Mode(StrEnum):
    EMBEDDED = "embedded"
    PRODUCTION = "production"


class Loop(StrEnum):
    """What a process of the service runs; by default all of it."""

    API = "api"
    RELAY = "relay"
    CONSUMERS = "consumers"
    WORKER = "worker"


def strong(secret: SecretStr) -> SecretStr:
    """Refuse a secret that somebody could guess: short, repetitive, or a well-known default."""
    value = secret.get_secret_value()
    if len(value) < _SHORTEST_SECRET:
        raise ValueError(f"is weak: it needs at least {_SHORTEST_SECRET} characters")
    if len(set(value)) < 10:
        raise ValueError("is weak: it repeats a few characters")
    if any(value.lower().startswith(word) for word in _WEAK):
        raise ValueError("is a default value: make a random one")
    return secret


StrongSecret = Annotated[SecretStr, AfterValidator(strong)]


class FileSource(PydanticBaseSettingsSource):
    """Reads `<NAME>_FILE` variables, as container platforms mount secrets."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{self.config.get('env_prefix', '')}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        return (None if path is None else Path(path).read_text().strip()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class ServiceSettings(BaseSettings):
    """What every service needs. A service adds its own fields and sets the prefix."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    service: ClassVar[str]

    mode: Mode = Field(default=Mode.PRODUCTION, description="production refuses weak secrets and an unsafe database")
    plant: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,38}$", description="name of the plant; part of every event's source"
    )
    host: str = Field(default="127.0.0.1", description="address to listen at")
    port: int = Field(ge=0, le=65535, description="port to listen at; 0 takes a free one")
    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name of the service's own role")
    kafka_bootstrap: str = Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$", description="host:port of some brokers")
    jwks_url: str = Field(pattern=r"^https?://", description="where the gateway shows the keys that sign tokens")
    cursor_secret: StrongSecret = Field(description="signs the cursors of lists; the same for all replicas")
    consistency_secret: StrongSecret = Field(description="the same for all services of a stack: each reads all tokens")
    db_pool_size: int = Field(default=8, ge=1, description="connections kept by each process")
    db_pool_overflow: int = Field(
        default=0, ge=0, description="an overflow connection is opened and closed for one use: dear under load"
    )
    db_pool_recycle_s: int = Field(default=1800, ge=1, description="age at which a connection is replaced")
    db_pool_pre_ping: bool = Field(default=True, description="ask a connection that was idle before it is used")
    db_pool_wait_s: float = Field(default=5.0, gt=0, description="how long a request waits for a free connection")
    db_statement_timeout_s: float = Field(default=10.0, gt=0, description="longest statement of a request")
    db_lock_timeout_s: float = Field(default=5.0, gt=0, description="how long a statement waits for a lock")
    loops: Annotated[frozenset[Loop], NoDecode] = Field(
        default=frozenset(Loop), description="what this process runs: api, relay, consumers, worker"
    )
    metrics_token: SecretStr | None = Field(default=None, description="bearer token without which /metrics is refused")
    otlp_endpoint: str | None = Field(default=None, description="where traces go, by OTLP over HTTP")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="the least that is logged"
    )
    body_max_bytes: int = Field(default=1_048_576, ge=1024, description="of a request that is no upload")
    idempotency_keep_h: int = Field(default=48, ge=24, description="how long the answer to an Idempotency-Key is kept")
    kafka_request_timeout_ms: int = Field(
        default=15_000, ge=1000, description="how long the broker may take to acknowledge; then the relay begins anew"
    )
    read_model_stale_s: float = Field(default=10.0, gt=0, description="older than this, a read model says so")
    redrives_per_minute: int = Field(default=60, ge=1, description="calls that send parked records on, by process")
    kafka_session_timeout_ms: int = Field(
        default=10_000, ge=1000, description="silence after which a group gives a consumer's partitions to others"
    )
    relay_lease_s: float = Field(
        default=LONGEST_LEASE_S,
        ge=1,
        le=LONGEST_LEASE_S,
        description="how long a relay that says nothing keeps its slots of the outbox",
    )

    @field_validator("loops", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _has_strong_password(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        try:
            password = make_url(value.get_secret_value()).password
        except ArgumentError:
            raise ValueError("is not a database URL like postgresql://user:password@host:5432/takt") from None
        if info.data.get("mode") is Mode.PRODUCTION:
            strong(SecretStr(str(password or "")))
        return value

    @property
    def source(self) -> str:
        """The CloudEvents `source` of what this service tells."""
        return f"/plants/{self.plant}/{self.service}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls)

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment, or one sentence per wrong name on stderr and exit code 2."""
        try:
            settings = cls()
            refuse_unsafe(settings, os.environ)
        except ValidationError as wrong:
            sys.exit(_explain(wrong, str(cls.model_config.get("env_prefix", ""))))
        except (ValueError, OSError) as wrong:
            sys.exit(_said(f"Settings are not usable: {wrong}"))
        return settings


def refuse_unsafe(settings: ServiceSettings, environ: Mapping[str, str]) -> None:
    """Production never starts with a crash point set. Raises ValueError."""
    if settings.mode is Mode.PRODUCTION and environ.get("TAKT_CRASH_POINT"):
        raise ValueError("TAKT_CRASH_POINT is set, which kills the process on purpose; production mode refuses it")


def _explain(wrong: ValidationError, prefix: str) -> int:
    for error in wrong.errors(include_input=False, include_url=False):
        name = f"{prefix}{error['loc'][0]}".upper()
        reason = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
        _said(f"{name} {reason} (set {name} or {name}_FILE).")
    return 2


def _said(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 2
