"""The catalog finds what is declared and refuses two of one name."""

import subprocess
import sys
from typing import ClassVar

import pytest
from pydantic import BaseModel

from takt_contracts import catalog
from takt_contracts.audit import AUDIT_RECORDED
from takt_contracts.catalog import DuplicateContract
from takt_contracts.event import Event
from takt_contracts.operations.items import ITEM, ItemChanged
from takt_contracts.operations.production import OperationReported, OperationStarted
from takt_contracts.resource import ResourceContract
from takt_contracts.roles import Role


class Twin(Event):
    service: ClassVar[str] = "operations"
    entity: ClassVar[str] = "operation"
    key: ClassVar[tuple[str, ...]] = ("order_no", "operation_no")
    fact: ClassVar[str] = "started"

    state: BaseModel


class OtherKey(Twin):
    key: ClassVar[tuple[str, ...]] = ("order_no",)


class OtherCleanup(Twin):
    compacted: ClassVar[bool] = True


def test_events_are_found_by_their_type_on_the_wire():
    assert catalog.events()["takt.operations.operation.started.v1"] is OperationStarted
    assert catalog.events()[OperationReported.type] is OperationReported
    assert {type_ for type_, event in catalog.events().items() if event is ItemChanged} == set(ItemChanged.types())


def test_bases_and_generics_are_not_events():
    names = {event.__name__ for event in catalog.event_classes()}

    assert "OperationStarted" in names
    assert not names & {"Event", "OperationEvent", "ResourceChanged", "ResourceChanged[Item]", "AuditRecorded"}


def test_every_type_has_the_form_that_is_promised():
    for type_ in catalog.events():
        assert type_.startswith("takt.")
        assert type_.endswith(".v1")
        assert len(type_.split(".")) == (4 if type_.startswith("takt.file.") else 5)


def test_resources_know_their_owner():
    assert catalog.resources()["items"] is ITEM
    assert {catalog.owner_of(plural) for plural in ("items", "machines", "workplaces", "operations")} == {"operations"}
    assert catalog.owner_of("unicorns") is None


def test_workflows_are_kept_for_ever_and_resources_compacted():
    kept, compacted = catalog.topics()["takt.operations.operation"], catalog.topics()["takt.operations.item"]

    assert (kept.partitions, kept.key, kept.config["retention.ms"]) == (6, ("order_no", "operation_no"), "-1")
    assert (compacted.key, dict(compacted.config)) == (("code",), {"cleanup.policy": "compact"})
    assert {topic.partitions for topic in catalog.topics().values() if topic.name.endswith(".audit")} == {1}
    assert set(AUDIT_RECORDED) == {"operations", "records", "imports", "gateway"}


def test_a_second_event_of_one_type_is_refused():
    with pytest.raises(DuplicateContract, match=r"operation\.started"):
        catalog.unique([(OperationStarted.type, OperationStarted), (Twin.type, Twin)])


def test_a_second_resource_of_one_plural_is_refused():
    twin = ResourceContract(
        owner="records",
        name="item",
        plural="items",
        fields=ITEM.fields,
        state=ITEM.state,
        key=("code",),
        write=Role.PLANNER,
        titles={},
    )

    with pytest.raises(DuplicateContract, match="items"):
        catalog.unique([(ITEM.plural, ITEM), (twin.plural, twin)])


def test_the_same_declaration_seen_twice_is_one():
    assert catalog.unique([("items", ITEM), ("items", ITEM)]) == {"items": ITEM}


@pytest.mark.parametrize("other", [OtherKey, OtherCleanup])
def test_events_of_one_topic_agree_about_it(other):
    with pytest.raises(DuplicateContract, match=r"takt\.operations\.operation"):
        catalog.topic_of(Twin.topic, [Twin, other])


TWIN_RESOURCE = """
from dataclasses import replace
from takt_contracts.operations.items import ITEM

TWIN = replace(ITEM, owner="records", changed=None)
"""
TWIN_EVENT = """
from typing import ClassVar
from takt_contracts.operations.production import OperationEvent
from takt_contracts.roles import Role

class Twin(OperationEvent):
    fact: ClassVar[str] = "started"
"""


@pytest.mark.parametrize(
    ("planted", "claimed"),
    [(TWIN_RESOURCE, "items"), (TWIN_EVENT, "takt.operations.operation.started.v1")],
    ids=["resource", "event"],
)
def test_a_module_that_claims_a_taken_name_stops_whoever_asks(tmp_path, planted, claimed):
    (tmp_path / "planted.py").write_text(planted)
    ask = (
        "import sys, takt_contracts; takt_contracts.__path__.append(sys.argv[1])\n"
        "from takt_contracts import catalog; catalog.events(); catalog.resources()"
    )

    asked = subprocess.run([sys.executable, "-c", ask, tmp_path], capture_output=True, text=True, check=False)

    assert asked.returncode == 1
    assert f"DuplicateContract: {claimed} is declared twice" in asked.stderr
