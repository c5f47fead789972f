"""Transport orders, their bookings and their proposals, as one slice."""

from operations.logistics import routes
from operations.logistics.consumers import propose_transports
from operations.logistics.planning import TRANSPORT_ORDERS
from plantkit.slice import Slice

SLICE = Slice(
    name="logistics", resources=(TRANSPORT_ORDERS,), routers=(routes.router,), consumers=(propose_transports,)
)
