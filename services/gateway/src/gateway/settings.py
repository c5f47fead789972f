"""What is the gateway's own: its signing key, where the services are, the first administrator."""

import json
from typing import Annotated, ClassVar

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from plantkit.settings import ServiceSettings
from plantkit.storage import StorageUrl


def ed25519(secret: SecretStr) -> SecretStr:
    """Refuse what is not a private Ed25519 key as JWK JSON."""
    try:
        key = OKPKey.import_key(json.loads(secret.get_secret_value()))
    except (ValueError, TypeError, KeyError, JoseError):
        raise ValueError("is not a JWK") from None
    if not key.is_private or key.curve_name != "Ed25519":
        raise ValueError("is not a private Ed25519 key")
    return secret


SigningKey = Annotated[SecretStr, AfterValidator(ed25519)]
ServiceUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")]


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_GATEWAY_")
    service: ClassVar[str] = "gateway"

    storage_url: StorageUrl
    signing_key: SigningKey = Field(description="the private Ed25519 key that signs tokens, as a JWK")
    retired_keys: tuple[str, ...] = Field(default=(), description="public JWKs whose tokens may still be running")
    operations_url: ServiceUrl = Field(description="where operations answers")
    records_url: ServiceUrl = Field(description="where records answers")
    imports_url: ServiceUrl = Field(description="where imports answers")
    admin_username: str | None = Field(
        default=None, min_length=1, max_length=100, description="first administrator, made when there is nobody yet"
    )
    admin_password: SecretStr | None = Field(default=None, description="of the first administrator")
    pass_through_max_bytes: int = Field(
        default=72 * 1_048_576, ge=1024, description="of one request or answer that passes to or from an owner"
    )
    trusted_hops: int = Field(default=0, ge=0, le=10, description="proxies before us that append to X-Forwarded-For")
    sign_ins_per_minute: int = Field(default=120, ge=1, description="from one source, whatever the account")
    upload_max_bytes: int = Field(default=64 * 1_048_576, ge=1024, description="of one file")
    uploads_at_once: int = Field(default=8, ge=1, description="of one user")
    uploads_per_hour: int = Field(default=2000, ge=1, description="of one user")
    upload_bytes_per_hour: int = Field(default=8 * 1024**3, ge=1024, description="of one user")
    streams: int = Field(default=200, ge=1, description="live streams at once")

    @property
    def base_urls(self) -> dict[str, str]:
        """Where each owning service answers."""
        return {"operations": self.operations_url, "records": self.records_url, "imports": self.imports_url}
