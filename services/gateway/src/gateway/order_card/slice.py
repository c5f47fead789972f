"""What the order card contributes to the gateway."""

from gateway.order_card.consumers import keep_cards
from gateway.order_card.routes import router
from plantkit.slice import Slice

SLICE = Slice(name="order_card", routers=(router,), consumers=(keep_cards,))
