"""What only records is told."""

from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from plantkit.settings import ServiceSettings, StrongSecret
from records.audit.keys import CheckpointKey, PublicKeys, public_keys


def _makes_a_key(secret: SecretStr) -> SecretStr:
    CheckpointKey(secret.get_secret_value())
    return secret


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_RECORDS_")
    service: ClassVar[str] = "records"

    audit_key: Annotated[StrongSecret, AfterValidator(_makes_a_key)] = Field(
        description="32 random bytes in base64url: the Ed25519 key that signs checkpoints"
    )
    audit_retired_keys: tuple[str, ...] = Field(default=(), description="public keys in base64url that signed before")
    checkpoint_every_s: float = Field(default=30.0, gt=0, le=60, description="longest wait of an entry for a signature")

    @cached_property
    def key(self) -> CheckpointKey:
        return CheckpointKey(self.audit_key.get_secret_value())

    @property
    def public_keys(self) -> PublicKeys:
        """Those that may have signed."""
        return public_keys(self.key, self.audit_retired_keys)
