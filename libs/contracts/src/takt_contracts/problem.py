"""The one shape of a refusal over HTTP: an RFC 9457 problem document."""

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """One thing that is wrong with one value of the request."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="JSON pointer into the body, or the name of a header or query parameter.")
    code: str = Field(description="Stable, for machines.")
    detail: str = Field(description="One sentence, for people.")


class Problem(BaseModel):
    """Clients match on `code`; it never changes. Further members carry the values that `detail` names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str
    instance: str | None = None
    errors: tuple[FieldError, ...] = ()
    trace_id: str | None = None
