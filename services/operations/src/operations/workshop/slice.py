"""Workshop entries as one slice."""

from operations.workshop.entries import WORKSHOP_ENTRIES
from plantkit.slice import Slice

SLICE = Slice(name="workshop", resources=(WORKSHOP_ENTRIES,))
