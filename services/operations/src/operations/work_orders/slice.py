"""The verbs of work orders, as one slice. The resource itself is production's, which makes operations of a routing."""

from operations.work_orders import routes
from plantkit.slice import Slice

SLICE = Slice(name="work-orders", routers=(routes.router,))
