"""Statistics and reports as one slice: it reads, and writes nothing."""

from operations.statistics import routes
from plantkit.slice import Slice

SLICE = Slice(name="statistics", routers=(routes.router,))
