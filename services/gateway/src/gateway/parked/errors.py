"""What can go wrong between the door and the service whose record lies aside."""

from plantkit.errors import Unavailable


class ServiceAway(Unavailable):
    """A service that may hold the record did not answer, so nothing is known of it and nothing was done."""

    code = "parked.service-away"
    cure = "Repeat the request after the time in Retry-After, with the same Idempotency-Key."

    def __init__(self, services: list[str]) -> None:
        named = ", ".join(services)
        super().__init__(f"These services do not answer at the moment: {named}.", retry_after_s=2, services=services)
