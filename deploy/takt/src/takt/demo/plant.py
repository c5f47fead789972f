"""The demo plant: everything it consists of and everything that happens in it, in this one place.

People are roles and numbers. The story of an operation is told in its steps; each is one event in the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Body = Mapping[str, object]

PLANT = "demo-plant"


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    role: str


@dataclass(frozen=True)
class Step:
    """One verb, by one person."""

    verb: str
    by: str
    body: Body


@dataclass(frozen=True)
class Planned:
    """An operation and what happens to it, in order."""

    order_no: str
    operation_no: str
    workplace: str
    item: str
    qty_desired: str
    due: str
    steps: tuple[Step, ...] = ()

    @property
    def body(self) -> Body:
        return {name: value for name, value in vars(self).items() if name != "steps"}


def start(by: str) -> Step:
    return Step("start", by, {})


def report(by: str, good: str, scrap: str = "0", reason: str | None = None) -> Step:
    return Step("report", by, {"good": good, "scrap": scrap, **({"reason": reason} if reason else {})})


def hold(by: str, kind: str, reason: str) -> Step:
    return Step("hold", by, {"kind": kind, "reason": reason})


def resume(by: str) -> Step:
    return Step("resume", by, {})


def finish(by: str) -> Step:
    return Step("finish", by, {})


PEOPLE = (
    Person("planner-01", "Planner 01", "PLANNER"),
    Person("operator-07", "Operator 07", "OPERATOR"),
    Person("operator-12", "Operator 12", "OPERATOR"),
)

WORKPLACES: tuple[Body, ...] = (
    {"code": "SAW-01", "name": "Saw 1", "area": "Cutting"},
    {"code": "CNC-07", "name": "Turning centre 7", "area": "Machining"},
    {"code": "CNC-08", "name": "Turning centre 8", "area": "Machining"},
    {"code": "HEAT-02", "name": "Furnace 2", "area": "Heat treatment"},
    {"code": "GRIND-03", "name": "Cylindrical grinder 3", "area": "Grinding"},
    {"code": "PACK-01", "name": "Packing table 1", "area": "Dispatch"},
)

MACHINES: tuple[Body, ...] = (
    {"code": "M-1001", "name": "Band saw", "workplace": "SAW-01"},
    {"code": "M-1007", "name": "Two-axis lathe", "workplace": "CNC-07"},
    {"code": "M-1008", "name": "Two-axis lathe", "workplace": "CNC-08"},
    {"code": "M-1020", "name": "Chamber furnace", "workplace": "HEAT-02"},
    {"code": "M-1033", "name": "Cylindrical grinder", "workplace": "GRIND-03"},
)

ITEMS: tuple[Body, ...] = (
    {"code": "BAR-45", "name": "Round bar 45 mm", "unit": "m", "category": "raw material", "lot_tracked": True},
    {"code": "SHAFT-40", "name": "Shaft 40 mm", "category": "shafts", "lot_tracked": True},
    {"code": "SHAFT-32", "name": "Shaft 32 mm", "category": "shafts", "lot_tracked": True},
    {"code": "BUSH-40", "name": "Bush 40 mm", "category": "bushes"},
)

RESOURCES: Mapping[str, tuple[Body, ...]] = {"workplaces": WORKPLACES, "machines": MACHINES, "items": ITEMS}

OPERATIONS = (
    Planned(
        "WO-1001", "0010", "SAW-01", "SHAFT-40", "120", "2026-12-04T14:00:00Z",
        (start("operator-07"), report("operator-07", "118", "2", "cut too short"), finish("operator-07")),
    ),
    Planned(
        "WO-1001", "0020", "CNC-07", "SHAFT-40", "118", "2026-12-07T14:00:00Z",
        (
            start("operator-12"),
            report("operator-12", "40"),
            hold("operator-12", "own", "insert worn"),
            resume("operator-12"),
            report("operator-12", "55", "3", "diameter out of tolerance"),
        ),
    ),
    Planned("WO-1001", "0030", "HEAT-02", "SHAFT-40", "115", "2026-12-09T14:00:00Z"),
    Planned("WO-1001", "0040", "GRIND-03", "SHAFT-40", "115", "2026-12-11T14:00:00Z"),
    Planned(
        "WO-1002", "0010", "SAW-01", "SHAFT-32", "60", "2026-12-04T20:00:00Z",
        (start("operator-07"), report("operator-07", "60"), finish("operator-07")),
    ),
    Planned(
        "WO-1002", "0020", "CNC-08", "SHAFT-32", "60", "2026-12-08T14:00:00Z",
        (start("operator-12"), hold("operator-12", "external", "drawing under revision")),
    ),
    Planned(
        "WO-1003", "0010", "CNC-08", "BUSH-40", "250", "2026-12-10T14:00:00Z",
        (start("operator-07"), report("operator-07", "120.5", "4.5", "porosity"), report("operator-07", "60")),
    ),
    Planned("WO-1003", "0020", "PACK-01", "BUSH-40", "245", "2026-12-14T14:00:00Z"),
)  # fmt: skip
