"""Whatever is asked of an order, in whatever order: the product and the order on paper agree on every answer."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Act, Chain, at
from .naive_order import NaiveOrder, Step

pytestmark = pytest.mark.db
PLACES, PIECES = st.integers(0, 2), st.integers(0, 7)
ACTIONS = st.one_of(
    st.tuples(st.just("start"), PLACES),
    st.tuples(st.just("report"), PLACES, PIECES, PIECES),
    st.tuples(st.just("report"), PLACES, PIECES, st.just(0)),
    st.tuples(st.just("correct"), PLACES, PIECES, PIECES, PIECES),
    st.tuples(st.just("cancel"), PLACES),
)
BEGINNING = [("start", 0), ("report", 0, 7, 0), ("start", 1), ("report", 1, 5, 1), ("start", 2), ("report", 2, 3, 0)]
"""So that short examples reach far enough, too."""


async def asked(client: httpx.AsyncClient, act: Act, operation: dict[str, Any], action: tuple[Any, ...]) -> bool | None:
    """Whether the product allowed it; None where it cannot even be asked."""
    verb, _, *numbers = action
    if verb == "report":
        good, scrap = numbers
        if not good + scrap:
            return None
        return await allowed(act, operation, verb, good=str(good), scrap=str(scrap), reason="x")
    if verb == "correct":
        number, good, scrap = numbers
        ledger = (await client.get(at(operation, "/ledger"))).json()["data"]
        reports = [entry["id"] for entry in ledger if entry["kind"] == "report"]
        if number >= len(reports):
            return None
        said = {"good": str(good), "scrap": str(scrap), "reason": "x"}
        return await allowed(act, operation, verb, entry_id=reports[number], **said)
    return await allowed(act, operation, verb, **({"reason": "x"} if verb == "cancel" else {}))


async def allowed(act: Act, operation: dict[str, Any], verb: str, **body: str) -> bool:
    answer = await act(operation, verb, **body)
    assert answer.status_code in (200, 409, 422), answer.text
    return answer.status_code == 200


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tolerance=st.sampled_from([0, 10, 100]), actions=st.lists(ACTIONS, min_size=10, max_size=25))
async def test_the_product_allows_what_the_order_on_paper_allows(
    chain: Chain, act: Act, client: httpx.AsyncClient, tolerance: int, actions: list[tuple[Any, ...]]
) -> None:
    operations = await chain(3, qty_desired="20", tolerance_percent=str(tolerance))
    paper = NaiveOrder(20, tolerance, [Step(), Step(), Step()])

    for action in [*BEGINNING, *actions]:
        verb, place, *numbers = action
        found = await asked(client, act, operations[place], action)
        if found is not None:
            assert found == getattr(paper, verb)(place, *numbers), (action, paper)

    for operation, step in zip(operations, paper.steps, strict=True):
        now = (await client.get(at(operation))).json()
        assert (now["status"], now["qty_good"], now["qty_processed"]) == (
            step.status,
            str(step.good),
            str(step.processed),
        )
