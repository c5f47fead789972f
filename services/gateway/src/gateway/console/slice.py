"""What the console contributes to the gateway."""

from gateway.console.routes import root, router
from plantkit.slice import Slice

SLICE = Slice(name="console", routers=(router,))
ROOT_ROUTERS = (root,)
