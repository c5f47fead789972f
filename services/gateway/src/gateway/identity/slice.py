"""What identity contributes to the gateway."""

from gateway.identity.loops import first_administrator, sweep
from gateway.identity.routes import keys, router
from plantkit.slice import Slice

SLICE = Slice(name="identity", routers=(router, keys), loops=(first_administrator, sweep))
