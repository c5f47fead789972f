"""The catalog as one slice."""

from operations.catalog import RESOURCES, binding
from plantkit.slice import Slice

SLICE = Slice(name="catalog", resources=RESOURCES, routers=(binding.router,))
