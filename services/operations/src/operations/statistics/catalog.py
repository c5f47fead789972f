"""Every report of the plant, declared once each. Tables of other slices are named in SQL, never imported.

Ranges go by an index each: `due` of operations, the booking time of ledger entries, the time of finished operations in
the archive of events, the times of transport orders and workshop entries.
"""

from operations.statistics.report import Column, Group, Report, Shape, by_time, count, hours, percent, quantity

_OPERATIONS = (
    "(SELECT o.* FROM operations.operations o WHERE o.due >= :starts AND o.due < :ends AND o.archived_at IS NULL) AS o"
)
_ENTRIES = (
    "(SELECT l.good, l.scrap, l.rework, l.created_at, l.kind, coalesce(w.reason, l.reason) AS reason,"
    " o.workplace, o.item FROM operations.ledger_entries l JOIN operations.operations o ON o.id = l.operation_id"
    " LEFT JOIN operations.ledger_entries w ON w.id = l.corrects"
    " WHERE l.created_at >= :starts AND l.created_at < :ends AND l.kind IN ('report', 'correction')) AS l"
)
_OF_EVENT = (
    "JOIN operations.operations o ON o.order_no = split_part(f.aggregateid, '/', 1)"
    " AND o.operation_no = split_part(f.aggregateid, '/', 2)"
)
_STARTED = (
    "(SELECT e.time FROM operations.outbox e WHERE e.aggregatetype = 'operation'"
    " AND e.aggregateid = o.order_no || '/' || o.operation_no"
    " AND e.type = 'takt.operations.operation.started.v1' LIMIT 1)"
)
_FINISHED = (
    "(SELECT f.time AS finished_at, s.time AS started_at, o.created_at AS planned_at, o.workplace, o.item"  # noqa: S608 -- SQL of ours
    f" FROM operations.outbox f {_OF_EVENT} LEFT JOIN LATERAL {_STARTED} s ON true"
    " WHERE f.type = 'takt.operations.operation.finished.v1' AND f.time >= :starts AND f.time < :ends) AS f"
)
_RUNS = (
    "SELECT w.workplace, run FROM ("  # noqa: S608 -- SQL of ours
    "SELECT r.workplace, range_agg(tstzrange(greatest(r.began, :starts), least(r.ended, :ends))) AS busy"
    f" FROM (SELECT o.workplace, s.time AS began, f.time AS ended FROM operations.outbox f {_OF_EVENT}"
    f" JOIN LATERAL {_STARTED} s ON true WHERE f.type IN ('takt.operations.operation.finished.v1',"
    " 'takt.operations.operation.cancelled.v1') AND f.time > :starts"
    f" UNION ALL SELECT o.workplace, s.time, :now FROM operations.operations o JOIN LATERAL {_STARTED} s ON true"
    " WHERE o.status = 'IN_PROGRESS') AS r"
    " WHERE r.began < :ends AND r.ended > :starts AND r.ended > r.began GROUP BY r.workplace) AS w,"
    " LATERAL unnest(w.busy) AS run"
)
# Each machine's timers are reached by the index that keeps it from being in two places.
_TIMED = (
    "SELECT m.code AS machine, t.operation_id, t.kind,"
    " tstzrange(greatest(t.started_at, :starts), least(coalesce(t.ended_at, :now), :ends)) AS run"
    " FROM operations.machines m JOIN LATERAL (SELECT * FROM operations.timers t WHERE t.machine_no IS NOT NULL"
    " AND int8range(t.machine_no, t.machine_no, '[]') && int8range(m.no, m.no, '[]')"
    " AND tstzrange(t.started_at, t.ended_at) && tstzrange(:starts, greatest(:starts, least(:ends, :now)))) t ON true"
)
_BY_KIND = (
    "CASE WHEN t.kind = 'machine' THEN t.run END AS machine_run, CASE WHEN t.kind = 'setup' THEN t.run END AS setup_run"
)
_USE_OF_WORKPLACES = (
    f"(SELECT r.workplace, r.run, NULL::tstzrange AS machine_run, NULL::tstzrange AS setup_run FROM ({_RUNS}) AS r"  # noqa: S608 -- SQL of ours
    f" UNION ALL SELECT o.workplace, NULL, {_BY_KIND} FROM ({_TIMED}) AS t"
    " JOIN operations.operations o ON o.id = t.operation_id) AS u"
)
_USE_OF_MACHINES = f"(SELECT t.machine, t.run, {_BY_KIND} FROM ({_TIMED}) AS t) AS u"  # noqa: S608 -- SQL of ours
_TRANSPORTS = (
    "(SELECT t.*, coalesce(t.etd, t.created_at) AS at FROM operations.transport_orders t"
    " WHERE (t.etd >= :starts AND t.etd < :ends OR t.etd IS NULL AND t.created_at >= :starts AND t.created_at < :ends)"
    " AND t.archived_at IS NULL) AS t"
)
_ENTRIES_OF_WORKSHOP = (
    "(SELECT e.*, coalesce(e.performed_at, e.created_at) AS at FROM operations.workshop_entries e"
    " WHERE (e.performed_at >= :starts AND e.performed_at < :ends"
    " OR e.performed_at IS NULL AND e.created_at >= :starts AND e.created_at < :ends)"
    " AND e.archived_at IS NULL) AS e"
)
_FINISHED_AT = (
    "(SELECT max(e.time) FROM operations.outbox e WHERE e.aggregatetype = 'operation'"
    " AND e.aggregateid = o.order_no || '/' || o.operation_no"
    " AND e.type = 'takt.operations.operation.finished.v1')"
)
_DUE = (
    f"(SELECT o.*, CASE WHEN o.status = 'FINISHED' THEN coalesce({_FINISHED_AT}, o.created_at) END AS finished_at"  # noqa: S608 -- SQL of ours
    " FROM operations.operations o WHERE o.due >= :starts AND o.due < :ends AND o.archived_at IS NULL"
    " AND o.status <> 'CANCELLED') AS o"
)


def _length(ranges: str) -> str:
    """How long ranges are together."""
    return f"coalesce(sum(upper({ranges}) - lower({ranges})), interval '0')"


_PLACES = {Group.WORKPLACE: "l.workplace", Group.ITEM: "l.item"}

REPORTS = (
    Report(
        name="operations-by-status",
        title="Operations by status",
        about="Operations due in the range.",
        rows=_OPERATIONS,
        groups={Group.WORKPLACE: "o.workplace", Group.ITEM: "o.item", **by_time("o.due")},
        columns=(
            count("released", "Released", "o.status = 'RELEASED'"),
            count("in_progress", "In progress", "o.status = 'IN_PROGRESS'"),
            count("finished", "Finished", "o.status = 'FINISHED'"),
            count("cancelled", "Cancelled", "o.status = 'CANCELLED'"),
            count("on_hold", "On hold", "o.hold_kind IS NOT NULL"),
            count("total", "All"),
        ),
    ),
    Report(
        name="due-and-late",
        title="Due and late",
        about="Operations due in the range, without cancelled ones. Late is what was finished after it was due, or is"
        " due by now and not finished.",
        rows=_DUE,
        groups={**by_time("o.due"), Group.WORKPLACE: "o.workplace", Group.ITEM: "o.item"},
        columns=(
            count("due", "Due"),
            count("in_time", "Finished in time", "o.finished_at <= o.due"),
            count("finished_late", "Finished late", "o.finished_at > o.due"),
            count("open_late", "Open and late", "o.finished_at IS NULL AND o.due < :now"),
            count("open", "Open in time", "o.finished_at IS NULL AND o.due >= :now"),
            percent(
                "late_share",
                "Late, %",
                "count(*) FILTER (WHERE o.finished_at > o.due OR o.finished_at IS NULL AND o.due < :now)",
                "count(*)",
            ),
        ),
    ),
    Report(
        name="throughput",
        title="Throughput",
        about="What was reported in the range, with its corrections, in the units of the items.",
        rows=_ENTRIES,
        groups={**by_time("l.created_at"), **_PLACES},
        columns=(
            quantity("good", "Good", "l.good"),
            quantity("scrap", "Scrap", "l.scrap"),
            quantity("rework", "Rework", "l.rework"),
            count("reports", "Reports", "l.kind = 'report'"),
            percent("scrap_share", "Scrap, %", "sum(l.scrap)", "sum(l.good) + sum(l.scrap)"),
        ),
    ),
    Report(
        name="scrap-by-reason",
        title="Scrap by reason",
        about="Scrap reported in the range, in the units of the items. What a correction takes back or adds counts for"
        " the reason of the entry that it corrects.",
        rows=f"{_ENTRIES} WHERE l.scrap <> 0",
        groups={Group.MONTH: by_time("l.created_at")[Group.MONTH], **by_time("l.created_at"), **_PLACES},
        split=(Column(name="reason", title="Reason", shape=Shape.TEXT, sql="l.reason"),),
        columns=(quantity("scrap", "Scrap", "l.scrap"), count("entries", "Entries")),
    ),
    Report(
        name="lead-time",
        title="Lead time",
        about="Operations finished in the range: from their start, and from the day they were planned here.",
        rows=_FINISHED,
        groups={**by_time("f.finished_at"), Group.WORKPLACE: "f.workplace", Group.ITEM: "f.item"},
        columns=(
            count("finished", "Finished"),
            hours("average_h", "Start to finish, average h", "avg(f.finished_at - f.started_at)"),
            hours(
                "median_h",
                "Start to finish, median h",
                "percentile_cont(0.5) WITHIN GROUP (ORDER BY f.finished_at - f.started_at)",
            ),
            hours(
                "p90_h",
                "Start to finish, 90 % within h",
                "percentile_cont(0.9) WITHIN GROUP (ORDER BY f.finished_at - f.started_at)",
            ),
            hours("planned_average_h", "Plan to finish, average h", "avg(f.finished_at - f.planned_at)"),
        ),
    ),
    Report(
        name="machine-use",
        title="Use of workplaces and machines",
        about="Time within the range, until now. A workplace is busy while at least one operation runs there, from"
        " start to finish; a machine while one of its timers runs. Beside it the machine time and the setup time that"
        " timers of machines have taken.",
        rows=_USE_OF_WORKPLACES,
        own_rows={Group.MACHINE: _USE_OF_MACHINES},
        groups={Group.WORKPLACE: "u.workplace", Group.MACHINE: "u.machine"},
        columns=(
            hours("busy_h", "Busy, h", _length("u.run")),
            percent(
                "use_share",
                "Of the range, %",
                f"extract(epoch FROM {_length('u.run')})",
                "extract(epoch FROM least(:ends, :now) - :starts)",
            ),
            hours("machine_h", "Machine time, h", _length("u.machine_run")),
            hours("setup_h", "Setup, h", _length("u.setup_run")),
        ),
    ),
    Report(
        name="transport-by-terminal",
        title="Transport by terminal",
        about="Transport orders that should leave in the range; those without an etd by the day they were made.",
        rows=_TRANSPORTS,
        groups={Group.TERMINAL: "coalesce(t.terminal, '-')", **by_time("t.at")},
        columns=(
            count("orders", "Orders"),
            count("waiting", "Waiting", "t.status IN ('PROPOSED', 'PLANNED', 'ASSIGNED')"),
            count("under_way", "Under way", "t.status IN ('DISPATCHED', 'DEPARTED', 'ARRIVED')"),
            count("delivered", "Delivered", "t.status = 'DELIVERED'"),
            count("late", "Delivered late", "t.delivered_at > t.outbound_arrival"),
            count("cancelled", "Cancelled", "t.status = 'CANCELLED'"),
            quantity("pallets", "Pallets", "t.pallets"),
            quantity("boxes", "Boxes", "t.boxes"),
            quantity("kilos", "Kilos", "t.kilos"),
        ),
    ),
    Report(
        name="workshop-results",
        title="Results of workshop entries",
        about="Workshop entries by the time the work was done; those without one by the time they were made.",
        rows=_ENTRIES_OF_WORKSHOP,
        groups={Group.MACHINE: "e.machine", **by_time("e.at")},
        columns=(
            count("entries", "Entries"),
            count("ok", "OK", "e.result = 'ok'"),
            count("rework", "Rework", "e.result = 'rework'"),
            count("scrap", "Scrap", "e.result = 'scrap'"),
            percent("ok_share", "OK, %", "count(*) FILTER (WHERE e.result = 'ok')", "count(*)"),
        ),
    ),
)
BY_NAME = {report.name: report for report in REPORTS}
