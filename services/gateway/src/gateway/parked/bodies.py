"""What is asked of all services at once, and answered."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plantkit.http.listing import PageInfo
from plantkit.messaging.parked_views import MOST_IDS, ParkedFilter, ParkedLine, RedriveBody

Name = Literal["gateway", "operations", "records", "imports"]


class Heard(BaseModel):
    """Whether a service answered. Of one that did not, nothing is in the list."""

    service: Name
    answered: bool


class ParkedLines(BaseModel):
    """Oldest first. The list is whole only where every service answered."""

    data: list[ParkedLine]
    page: PageInfo
    services: list[Heard]


class ServiceFilter(ParkedFilter):
    """Records of one service; every other name given must match too."""

    service: Name


class RedriveRequest(BaseModel):
    """Either records by id, all of one service, or what they have in common."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST_IDS)
    filter: ServiceFilter | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or filter")
        return self

    def asked(self) -> RedriveBody:
        """As the service takes it that holds them."""
        by = self.filter
        own = (
            None if by is None else ParkedFilter(group=by.group, topic=by.topic, key=by.key, reason_code=by.reason_code)
        )
        return RedriveBody(ids=self.ids, filter=own)
