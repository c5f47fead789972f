"""What templates contribute to imports."""

from imports.templates.routes import router
from plantkit.slice import Slice

SLICE = Slice(name="templates", routers=(router,))
