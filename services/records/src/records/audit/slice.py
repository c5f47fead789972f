"""The audit chains as one slice."""

from plantkit.slice import Slice
from records.audit import consumers, loops

SLICE = Slice(name="audit", consumers=(consumers.keep_chains,), loops=(loops.sign,))
