"""What operations make of their order, written out once more."""

from hypothesis import given
from hypothesis import strategies as st

from operations.work_orders.rules import OPEN, status_of
from takt_contracts.operations.production import Status


@given(st.lists(st.sampled_from(Status), max_size=6))
def test_the_status_follows_from_the_operations(operations):
    open_ = operations.count(Status.RELEASED) + operations.count(Status.IN_PROGRESS)
    begun = operations.count(Status.IN_PROGRESS) + operations.count(Status.FINISHED)
    if not operations or (open_ and not begun):
        expected = Status.RELEASED
    elif open_:
        expected = Status.IN_PROGRESS
    else:
        expected = Status.FINISHED if begun else Status.CANCELLED
    assert status_of(operations) is expected


@given(st.lists(st.sampled_from(Status), max_size=6))
def test_a_released_operation_more_leaves_an_open_order_as_it_is(operations):
    if status_of(operations) in OPEN:
        assert status_of([*operations, Status.RELEASED]) is status_of(operations)
