"""What a feature contributes to its service."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

if TYPE_CHECKING:
    from fastapi import FastAPI

Background = Callable[["FastAPI"], Coroutine[Any, Any, None]]
"""A loop that runs as long as the service: called once at start, cancelled at stop."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One feature: its routes, its consumers, its resources, its background loops.

    `targets` are what rows of imports become beside its resources (`plantkit.resources.verdict.RowTarget`).

    `loops` run beside the API, `workers` where the process works for `Loop.WORKER`: heavy work, away from requests.
    """

    name: str
    routers: tuple[APIRouter, ...] = ()
    consumers: tuple[Any, ...] = ()
    resources: tuple[Any, ...] = ()
    targets: tuple[Any, ...] = ()
    loops: tuple[Background, ...] = ()
    workers: tuple[Background, ...] = ()
