"""What was asked: which report, which range, summed up by what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Path, Query, Request
from pydantic import Field

from operations.settings import Settings
from operations.statistics.catalog import BY_NAME
from operations.statistics.report import Group, Report
from plantkit.errors import NotFound
from plantkit.http.errors import BadQueryValue
from takt_contracts.scalars import UtcDatetime

_EACH_WAY: Final = timedelta(days=30)
_LONGEST: Final = timedelta(days=366 * 3)
Edge = Annotated[UtcDatetime | date, Field(union_mode="left_to_right")]
ReportName = Annotated[str, Path(max_length=40, json_schema_extra={"enum": sorted(BY_NAME)})]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Numbers of a report within [starts, ends), in UTC. `now` is what late means."""

    report: Report
    group: Group
    starts: datetime
    ends: datetime
    now: datetime
    zone: ZoneInfo

    def given(self, names: tuple[str, ...]) -> Mapping[str, object]:
        """The values of the parameters that a statement names."""
        known = {"starts": self.starts, "ends": self.ends, "now": self.now, "zone": self.zone.key}
        return {name: value for name, value in known.items() if name in names}


async def asked(
    request: Request,
    name: ReportName,
    from_: Annotated[
        Edge | None, Query(alias="from", description="A time or a day of the plant. Default: 30 days ago.")
    ] = None,
    to: Annotated[
        Edge | None, Query(description="A time that is not part of it, or a day that is. Default: 30 days ahead.")
    ] = None,
    group: Annotated[Group | None, Query(description="Which ones a report knows, the list of reports says.")] = None,
) -> Question:
    """Raises NotFound, BadQueryValue."""
    report = BY_NAME.get(name)
    if report is None:
        raise NotFound("report", name[:40])
    settings, now = request.app.state.context.settings, request.app.state.context.clock()
    assert isinstance(settings, Settings)
    starts = _edge(from_, settings.time_zone, days=0) or now - _EACH_WAY
    ends = _edge(to, settings.time_zone, days=1) or max(now, starts) + _EACH_WAY
    _refuse_range(starts, ends)
    chosen = group or next(iter(report.groups))
    _refuse_group(report, chosen)
    return Question(report=report, group=chosen, starts=starts, ends=ends, now=now, zone=settings.time_zone)


def _edge(given: datetime | date | None, zone: ZoneInfo, *, days: int) -> datetime | None:
    """A day begins at the plant's midnight; `days` later is where the next ones begin."""
    if given is None or isinstance(given, datetime):
        return given
    try:
        return datetime.combine(given + timedelta(days=days), time(), zone).astimezone(UTC)
    except OverflowError:
        raise BadQueryValue(f"{given} is out of range.") from None


def _refuse_range(starts: datetime, ends: datetime) -> None:
    if ends <= starts:
        raise BadQueryValue("from should come before to.")
    if ends - starts > _LONGEST:
        raise BadQueryValue(f"A range is at most {_LONGEST.days} days long.")


def _refuse_group(report: Report, group: Group) -> None:
    if group not in report.groups:
        known = ", ".join(report.groups)
        raise BadQueryValue(f"{report.name} is not grouped by {group}; known: {known}.")
