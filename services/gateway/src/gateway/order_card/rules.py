"""How events hang together with an order. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from takt_contracts.operations.production import Status

_CAUSE: Final = re.compile(r"imports/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/rows/([1-9][0-9]{0,8})")
_QUANTITIES: Final = ("qty_desired", "qty_processed", "qty_good", "qty_scrap", "qty_rework")


def cause_of(causationid: str | None) -> tuple[str, int] | None:
    """Id of the import and number of the row that an event came from; None when it was caused by something else."""
    found = _CAUSE.fullmatch(causationid or "")
    return None if found is None else (found[1], int(found[2]))


def orders_of(about: Iterable[str]) -> list[str]:
    """Orders that a record is about: `orders/<no>` or `operations/<no>/<op>`."""
    parts = [reference.split("/") for reference in about]
    found = {part[1] for part in parts if (part[0], len(part)) in (("orders", 2), ("operations", 3))}
    return sorted(found)


def fact_of(type_: str) -> str:
    """`created` of takt.operations.operation.created.v1."""
    return type_.rsplit(".", 2)[-2]


def totals_of(operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all operations together. Quantities are in the units of their items."""
    statuses = [operation["status"] for operation in operations]
    sums = {name: sum((Decimal(one[name]) for one in operations), Decimal(0)) for name in _QUANTITIES}
    return {
        "operations": len(operations),
        "statuses": {str(status): statuses.count(status) for status in Status},
        **{name: format(value.normalize(), "f") if value else "0" for name, value in sums.items()},
    }
