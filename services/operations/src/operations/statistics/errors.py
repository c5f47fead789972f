"""What can be refused of a question about numbers."""

from plantkit.errors import Malformed


class TooManyGroups(Malformed):
    """The range and the group would make more lines than anybody reads."""

    code = "statistics.too-many-groups"
    cure = "Ask about a shorter range, or group by month."
