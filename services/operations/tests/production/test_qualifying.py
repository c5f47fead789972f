"""Who may do what, and when. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.production.errors import QualificationExpired, QualificationMissing, QualificationNotYetValid
from operations.production.qualifying import Person, require_qualified
from plantkit.errors import Invalid
from takt_contracts.operations.employees import Qualification

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
_DAYS = st.none() | st.integers(-5, 5).map(lambda days: NOW + days * DAY)


def windows(one: Qualification) -> bool:
    return one.valid_from is None or one.valid_until is None or one.valid_from < one.valid_until


def held(code: str, begins: datetime | None, ends: datetime | None) -> Qualification:
    return Qualification.model_construct(code=code, valid_from=begins, valid_until=ends)


qualifications = st.lists(st.builds(held, st.sampled_from(["A", "B"]), _DAYS, _DAYS).filter(windows), max_size=4)


@given(qualifications)
def test_somebody_is_qualified_exactly_while_one_of_theirs_is_valid(theirs: list[Qualification]) -> None:
    valid = [
        one
        for one in theirs
        if one.code == "A"
        and not (one.valid_from and one.valid_from > NOW)
        and not (one.valid_until and one.valid_until <= NOW)
    ]
    person = Person(code="E-07", qualifications=theirs)
    if valid:
        require_qualified("A", person, at=NOW)
    else:
        with pytest.raises(Invalid) as refused:
            require_qualified("A", person, at=NOW)
        assert refused.value.errors[0].pointer == "/employee"


CASES = {
    "none": ([], QualificationMissing, "not qualified for A"),
    "another": ([held("B", None, None)], QualificationMissing, "not qualified for A"),
    "expired": ([held("A", None, NOW)], QualificationExpired, "expired at 2026-03-02T06:30:00+00:00"),
    "to come": ([held("A", NOW + DAY, None)], QualificationNotYetValid, "valid from 2026-03-03"),
    "expired, to come": ([held("A", NOW + DAY, None), held("A", None, NOW - DAY)], QualificationExpired, "2026-03-01"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_says_which_qualification_and_since_when(case: str) -> None:
    theirs, error, words = CASES[case]
    with pytest.raises(error, match=words.replace("+", r"\+")):
        require_qualified("A", Person(code="E-07", qualifications=theirs), at=NOW)


def test_nobody_is_asked_where_nothing_is_needed() -> None:
    require_qualified(None, None, at=NOW)
    with pytest.raises(QualificationMissing, match="name the employee"):
        require_qualified("A", None, at=NOW)
