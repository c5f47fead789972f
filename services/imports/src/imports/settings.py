"""What only imports is told."""

from typing import ClassVar

from plantkit.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_IMPORTS_")
    service: ClassVar[str] = "imports"
