"""Strong entity tags made of the version (RFC 9110 8.8.3), and the preconditions that use them."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from plantkit.errors import PreconditionRequired, Stale
from plantkit.http.errors import BadIfMatch

_STRONG = re.compile(r'"([\x21\x23-\x7e]*)"')
_ANY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def etag(version: int) -> str:
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The version a change is based on, as its sender says; `tag` is None when nothing was said."""

    tag: str | None

    @classmethod
    def parse(cls, header: str | None) -> "IfMatch":
        """`*`, weak tags and lists are refused: a change is based on one version, and must say which."""
        if header is None:
            return cls(None)
        strong = _STRONG.fullmatch(header.strip())
        if strong is None:
            raise BadIfMatch('If-Match must be one strong ETag such as "7".')
        return cls(strong[1])

    def check(self, version: int) -> None:
        """Raises PreconditionRequired, or Stale when it names another version than this one."""
        if self.tag is None:
            raise PreconditionRequired("Send If-Match with the ETag of the state that this change is based on.")
        if self.tag != str(version):
            raise Stale("It was changed after you read it.")


def if_match(request: Request) -> IfMatch:
    """The header that the route has already parsed (see `route.matched`)."""
    given: IfMatch = request.state.if_match
    return given


Match = Annotated[IfMatch, Depends(if_match)]


def unchanged(if_none_match: str | None, version: int) -> bool:
    """Whether a reader already has this version, so that 304 answers."""
    return names(if_none_match, etag(version))


def names(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names this tag, weak or strong. What cannot be read matches nothing."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _ANY_TAG.findall(if_none_match)
