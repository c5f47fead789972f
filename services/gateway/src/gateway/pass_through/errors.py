"""What can go wrong between the door and an owner."""

from plantkit.errors import Unavailable


class OwnerAway(Unavailable):
    """The service that owns this path did not answer."""

    code = "service.away"
    cure = "Repeat the request after the time in Retry-After; repeat a write only with its Idempotency-Key or If-Match."

    def __init__(self, owner: str) -> None:
        super().__init__(f"The service {owner} does not answer at the moment.", retry_after_s=2, service=owner)
