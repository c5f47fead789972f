"""What can go wrong with a chain."""

from plantkit.errors import DomainError, Forbidden, Kind


class ChainBroken(DomainError):
    """An entry that the chain is to go on from is not there. Nothing is appended to it and nothing of it is signed."""

    kind = Kind.INTERNAL
    code = "audit.chain-broken"
    cure = "Run `takt verify`: it names the first bad entry. Restore the tables, then redrive what was parked."


class TrailClosed(Forbidden):
    """The audit trail and whole bundles are for administrators. Who else asked for them is in the trail."""

    always_told = True
