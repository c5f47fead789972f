"""Hooks of schemathesis: most generated requests name something that exists, with its present version.

Paths and headers made at random meet nothing but 404 and 412; behind those the handlers wait. `TAKT_KNOWN` maps a
collection to the path parameters of its members; `TAKT_TOKEN` reads their versions.
"""

import itertools
import json
import os
import random
from typing import Any
from urllib.parse import quote

import requests
import schemathesis

_AUTHORIZATION = {"Authorization": f"Bearer {os.environ['TAKT_TOKEN']}"}
_KNOWN: dict[str, list[dict[str, str]]] = json.loads(os.environ["TAKT_KNOWN"])
_ALWAYS = "/api/v1/users"  # whoever else is named there, such as the run's own user, is left alone
_NEVER_ARCHIVED = (_ALWAYS, "/api/v1/records", "/api/v1/record-types")
_CHOICE = random.Random(1)
_turns = itertools.count()


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Two requests of three name a member, and four of five of those its version."""
    collection = case.path.partition("/{")[0]
    known = _KNOWN.get(collection)
    if known is None or "{" not in case.path or (next(_turns) % 3 == 0 and collection != _ALWAYS):
        return
    names = {name.name for name in case.operation.path_parameters}
    fitting = [one for one in known if one.keys() <= names]
    member = _CHOICE.choice([one for one in fitting if len(one) == max(map(len, fitting))])
    case.path_parameters.update(member)
    if "If-Match" in case.headers and _CHOICE.random() < 0.8:
        case.headers["If-Match"] = _version(case, collection, member) or case.headers["If-Match"]


def _version(case: schemathesis.Case, collection: str, member: dict[str, str]) -> str | None:
    key = "/".join(quote(part, safe="") for part in member.values())
    url = f"{str(case.operation.base_url).rstrip('/')}{collection}/{key}"
    asked = {} if collection in _NEVER_ARCHIVED else {"archived": "true"}
    return requests.get(url, params=asked, headers=_AUTHORIZATION, timeout=10).headers.get("ETag")
