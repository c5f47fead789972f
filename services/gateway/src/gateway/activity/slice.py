"""What activity contributes to the gateway."""

from gateway.activity.consumers import keep_activity
from gateway.activity.routes import router
from plantkit.slice import Slice

SLICE = Slice(name="activity", routers=(router,), consumers=(keep_activity,))
