"""What uploads contribute to the gateway."""

from gateway.uploads.loops import sweep
from gateway.uploads.routes import by_target, by_template
from plantkit.slice import Slice

SLICE = Slice(name="uploads", routers=(by_template, by_target), loops=(sweep,))
