"""What can go wrong when somebody asks for a template."""

from plantkit.errors import DomainError, Kind


class NoSuchTemplate(DomainError):
    """There is no template with this id; the id of a template is the plural of its resource."""

    kind = Kind.NOT_FOUND
    code = "template.not-found"
    cure = "Use the id of one of /api/v1/templates."

    def __init__(self, template: str) -> None:
        super().__init__(f"There is no template {template!r}.", template=template)
