"""What only imports is told."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from plantkit.settings import ServiceSettings
from plantkit.storage import StorageUrl


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_IMPORTS_")
    service: ClassVar[str] = "imports"

    storage_url: StorageUrl
