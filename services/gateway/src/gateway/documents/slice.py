"""What the documents contribute to the gateway. Their routes stand at the root, not below `/api/v1`."""

from gateway.documents.routes import router

ROOT_ROUTERS = (router,)
