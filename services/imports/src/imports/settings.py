"""What only imports is told."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from imports.spreadsheet.limits import Limits
from plantkit.settings import ServiceSettings
from plantkit.storage import StorageUrl


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_IMPORTS_")
    service: ClassVar[str] = "imports"

    storage_url: StorageUrl
    time_zone: str = Field(default="UTC", description="zone of the times in workbooks, which carry none")
    parsers: int = Field(default=2, ge=1, le=32, description="files that a worker reads at once")
    lease_s: float = Field(default=10.0, gt=0, description="how long a worker that says nothing keeps its file")
    attempts: int = Field(default=5, ge=1, description="how often a file is tried before its import fails")
    keep_files_days: int = Field(default=30, ge=1, description="how long files stay in the inbox")
    keep_confidential_days: int = Field(
        default=7, ge=1, le=7, description="how long rows and files stay that are not for everyone"
    )
    row_errors: int = Field(default=20, ge=1, description="errors kept of one row")
    import_errors: int = Field(
        default=100_000, ge=0, description="errors kept of one import; of further rows only the first"
    )
    limits: Limits = Field(default=Limits(), description="what a file may hold, as a JSON object")
    atomic_rows: int = Field(default=200_000, ge=1, description="most rows that take effect together")
    streams: int = Field(default=100, ge=1, description="progress streams that one process serves at once")
