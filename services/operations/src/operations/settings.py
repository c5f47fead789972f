"""What only operations is told."""

from datetime import time
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from plantkit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TAKT_OPERATIONS_")
    service: ClassVar[str] = "operations"

    shift_starts: Annotated[tuple[time, ...], NoDecode] = Field(
        default=(time(6), time(14), time(22)),
        min_length=1,
        description="when the shifts of a day begin, as 06:00,14:00",
    )
    time_zone: ZoneInfo = Field(default=ZoneInfo("UTC"), description="the plant's, such as Europe/Prague")

    @field_validator("shift_starts", mode="before")
    @classmethod
    def _split_starts(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("shift_starts")
    @classmethod
    def _in_order(cls, value: tuple[time, ...]) -> tuple[time, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("must name each start once, in the order of the day")
        return value
