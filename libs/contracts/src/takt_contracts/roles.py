"""Who may do what, by the work people do in the plant."""

from enum import StrEnum


class Role(StrEnum):
    """A user holds one or more. ADMIN may do everything, VIEWER may read what is not restricted."""

    ADMIN = "ADMIN"
    PLANNER = "PLANNER"
    OPERATOR = "OPERATOR"
    QUALITY = "QUALITY"
    HEALTH = "HEALTH"
    DISPATCHER = "DISPATCHER"
    VIEWER = "VIEWER"
