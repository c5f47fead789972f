"""Make the plant through the gateway, as its own people would. Loading again adds only what is missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from takt.demo.plant import OPERATIONS, PEOPLE, RESOURCES, Planned
from takt.door import API, Visitor, sign_in
from takt.stack.folder import DataFolder


@dataclass
class Loaded:
    """How much of the plant was new, and how much was there."""

    created: int = 0
    present: int = 0
    acted: int = 0

    def count(self, *, is_new: bool) -> None:
        self.created += is_new
        self.present += not is_new


def load(gateway: str, folder: DataFolder) -> Loaded:
    loaded = Loaded()
    with httpx.Client(base_url=gateway, timeout=30, trust_env=False) as client:
        administrator = _administrator(client, folder.credentials)
        people = _people(client, administrator, folder, loaded)
        planner = people["planner-01"]
        for plural, bodies in RESOURCES.items():
            for body in bodies:
                loaded.count(is_new=planner.create(f"{API}/{plural}", body))
        for planned in OPERATIONS:
            _operation(planned, people, loaded)
    return loaded


def _administrator(client: httpx.Client, credentials: Path) -> Visitor:
    known = json.loads(credentials.read_text())
    return sign_in(client, known["username"], known["password"])


def _people(client: httpx.Client, administrator: Visitor, folder: DataFolder, loaded: Loaded) -> Mapping[str, Visitor]:
    for person in PEOPLE:
        password = folder.secret(person.username)
        body = {"username": person.username, "name": person.name, "roles": [person.role], "password": password}
        loaded.count(is_new=administrator.create(f"{API}/users", body))
    return {person.username: sign_in(client, person.username, folder.secret(person.username)) for person in PEOPLE}


def _operation(planned: Planned, people: Mapping[str, Visitor], loaded: Loaded) -> None:
    """Every step raises the version by one, so the version says which steps were done in an earlier run."""
    path = f"{API}/operations/{planned.order_no}/{planned.operation_no}"
    planner = people["planner-01"]
    is_new = planner.create(f"{API}/operations", planned.body)
    loaded.count(is_new=is_new)
    done = 0 if is_new else int(planner.get(path)["version"]) - 1
    for number, step in enumerate(planned.steps[done:], start=done + 1):
        key = f"demo-{planned.order_no}-{planned.operation_no}-{number}"
        people[step.by].act(f"{path}/{step.verb}", step.body, key)
        loaded.acted += 1
