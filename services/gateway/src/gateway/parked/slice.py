"""What the redrive desk contributes to the gateway."""

from gateway.parked.routes import router
from plantkit.slice import Slice

SLICE = Slice(name="parked", routers=(router,))
