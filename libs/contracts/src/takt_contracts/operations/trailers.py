"""Trailers: what carries a transport behind a truck."""

from takt_contracts.operations import vehicles
from takt_contracts.resource import ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role


class TrailerFields(vehicles.VehicleFields):
    """A trailer: what a client may write."""


class Trailer(TrailerFields, Stored):
    """A trailer as everyone reads it."""


class TrailerChanged(ResourceChanged[Trailer]):
    """A trailer was created, updated, archived or restored."""


TRAILER = ResourceContract(
    owner="operations",
    name="trailer",
    plural="trailers",
    fields=TrailerFields,
    state=Trailer,
    changed=TrailerChanged,
    key=("code",),
    write=Role.DISPATCHER,
    titles=vehicles.titles("Trailer"),
    synonyms=vehicles.synonyms("Trailer", "Anhänger"),
)
