"""Terminals: where transports are loaded and unloaded (a business location)."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, Text


class TerminalFields(Fields):
    """A terminal: what a client may write."""

    code: Code
    name: Name
    account_code: Annotated[Code | None, Field(description="Account that its transports are charged to.")] = None
    address: Text | None = None


class Terminal(TerminalFields, Stored):
    """A terminal as everyone reads it."""


class TerminalChanged(ResourceChanged[Terminal]):
    """A terminal was created, updated, archived or restored."""


TERMINAL = ResourceContract(
    owner="operations",
    name="terminal",
    plural="terminals",
    fields=TerminalFields,
    state=Terminal,
    changed=TerminalChanged,
    key=("code",),
    write=Role.DISPATCHER,
    titles={
        "code": "Terminal",
        "name": "Name",
        "account_code": "Account",
        "address": "Address",
    },
    synonyms={
        "code": (
            "Terminal code",
            "Terminal no",
            "Gate",
            "Code",
        ),
        "name": (
            "Terminal name",
            "Title",
            "Designation",
            "Bezeichnung",
        ),
        "account_code": (
            "Account code",
            "Account no",
            "Cost centre",
            "Konto",
            "Kostenstelle",
        ),
        "address": (
            "Location",
            "Street",
            "Adresse",
        ),
    },
)
