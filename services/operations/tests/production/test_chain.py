"""Operations that join an order in any order: what joins holds, and what holds joins."""

from decimal import Decimal
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from operations.production.chain import Chain, Link
from plantkit.errors import DomainError

AMOUNTS = st.integers(0, 20)
NUMBERS = [f"{10 * number:04}" for number in range(1, 7)]


def link(good: int, scrap: int = 0, tolerance: int = 0) -> Link:
    return Link(Decimal(good), Decimal(good + scrap), Decimal(tolerance))


LINKS = st.builds(link, AMOUNTS, AMOUNTS, st.sampled_from([0, 0, 10, 100]))


def holds(links: dict[str, Link]) -> bool:
    """Looked at as a whole, in the order of their numbers."""
    flow = [links[number] for number in sorted(links)]
    return all(100 * taker.processed <= giver.good * (100 + taker.tolerance_percent) for giver, taker in pairwise(flow))


@given(st.dictionaries(st.sampled_from(NUMBERS), LINKS), st.randoms())
def test_what_has_joined_holds_as_a_whole(links: dict[str, Link], dice: Random) -> None:
    chain, joined = Chain(), dict[str, Link]()
    for number in shuffled(links, dice):
        try:
            chain.join(number, links[number])
        except DomainError:
            assert not holds(joined | {number: links[number]}), "refused what would have held"
        else:
            joined[number] = links[number]
            assert holds(joined)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=6), st.randoms())
def test_an_order_that_holds_joins_in_any_order(lost: list[tuple[int, int]], dice: Random) -> None:
    """Each operation scraps something, and leaves something undone."""
    links, given_to_it = dict[str, Link](), 300
    for number, (scrap, undone) in zip(NUMBERS, lost, strict=False):
        links[number] = link(given_to_it - scrap - undone, scrap)
        given_to_it -= scrap + undone
    assert holds(links)
    chain = Chain()
    for number in shuffled(links, dice):
        chain.join(number, links[number])


def shuffled(links: dict[str, Link], dice: Random) -> list[str]:
    numbers = sorted(links)
    dice.shuffle(numbers)
    return numbers
