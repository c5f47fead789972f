"""Who gets what of the stream."""

import pytest

from gateway.stream.rules import choice
from gateway.visibility import visible
from takt_contracts.roles import Role

CATALOGUE = {
    "takt.operations.item": ("takt.operations.item.created.v1", "takt.operations.item.updated.v1"),
    "takt.operations.audit": ("takt.operations.audit.recorded.v1",),
    "takt.gateway.user": ("takt.gateway.user.created.v1",),
}


def seen_by(*roles: Role) -> frozenset[str]:
    return visible(CATALOGUE, lambda role: Role.ADMIN in roles or role in roles)


def test_audit_entries_and_users_are_for_administrators():
    assert seen_by(Role.VIEWER) == {"takt.operations.item"}
    assert seen_by(Role.ADMIN) == set(CATALOGUE)


def test_without_a_wish_everything_visible_comes():
    chosen = choice(seen_by(Role.VIEWER), None, None, CATALOGUE)

    assert chosen.wants("takt.operations.item", "takt.operations.item.created.v1")
    assert not chosen.wants("takt.operations.audit", "takt.operations.audit.recorded.v1")


def test_topics_and_types_narrow_it_down():
    chosen = choice(seen_by(Role.ADMIN), "takt.operations.item", "takt.operations.item.updated.v1", CATALOGUE)

    assert chosen.wants("takt.operations.item", "takt.operations.item.updated.v1")
    assert not chosen.wants("takt.operations.item", "takt.operations.item.created.v1")
    assert not chosen.wants("takt.gateway.user", "takt.gateway.user.created.v1")


@pytest.mark.parametrize(
    ("topics", "types"),
    [
        ("takt.operations.nothing", None),
        (None, "takt.operations.item.exploded.v1"),
        ("takt.operations.audit", None),
        (None, "takt.gateway.user.created.v1"),
    ],
)
def test_what_is_unknown_and_what_is_not_for_them_look_the_same(topics, types):
    with pytest.raises(KeyError):
        choice(seen_by(Role.OPERATOR), topics, types, CATALOGUE)
