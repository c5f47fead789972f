"""The operations of an order, while rows of an import join them: says beforehand what the triggers would refuse.

What one hands over is never more than it was given, so of operations whose flow holds any part holds too: the rows of a
sheet may come in any order and in several batches. Where tolerances let an order grow, they come best in their own.
"""

from dataclasses import dataclass
from decimal import Decimal

from operations.production.errors import ConsumedDownstream, OverHandedOver, at_field
from operations.production.rules import ceiling, shown


@dataclass(frozen=True, slots=True)
class Link:
    """An operation that is neither cancelled nor archived, in the item's unit."""

    good: Decimal
    processed: Decimal
    tolerance_percent: Decimal

    def most_of(self, given: "Link") -> Decimal:
        """How much it may process of what `given` hands over."""
        return ceiling(given.good, self.tolerance_percent)


class Chain:
    """Links by their operation numbers."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}
        self._has_worked = False

    def know(self, number: str, link: Link) -> None:
        """One that is there already, or has joined."""
        self._links[number] = link
        self._has_worked = self._has_worked or bool(link.processed)

    def join(self, number: str, link: Link) -> None:
        """A new one takes from the one before and gives to the one after. Raises OverHandedOver, ConsumedDownstream."""
        if self._has_worked or link.processed:
            self._require_flow(number, link)
        self.know(number, link)

    def _require_flow(self, number: str, link: Link) -> None:
        before = self._links.get(max((other for other in self._links if other < number), default=""))
        after = self._links.get(min((other for other in self._links if other > number), default=""))
        if before is not None and link.processed > link.most_of(before):
            detail = f"{shown(link.processed)} are processed, but {shown(link.most_of(before))} were handed over."
            raise at_field("qty_processed", OverHandedOver, detail)
        if after is not None and after.processed > after.most_of(link):
            most = shown(after.most_of(link))
            detail = f"The operation after has processed {shown(after.processed)}; {most} would be handed over to it."
            raise at_field("qty_processed", ConsumedDownstream, detail)
