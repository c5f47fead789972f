"""Metrics of a run's processes, as a scraper reads them."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.harness.processes import Stuck

_PATIENCE_S = 30.0  # a starved process answers late, not never


async def reading(address: str, name: str) -> float:
    """The sum of a metric over all its labels; 0 while it has none."""
    async with httpx.AsyncClient(trust_env=False, timeout=_PATIENCE_S) as client:
        text = (await client.get(f"{address}/metrics")).raise_for_status().text
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(one.value for one in samples if one.name == name)


async def answers(address: str, within_s: float) -> None:
    """Wait until the process can be scraped; a link resets who comes while nobody listens behind it. Raises Stuck."""
    await reaches(address, "process_cpu_seconds_total", 0, within_s)


async def becomes(address: str, name: str, wanted: float, within_s: float) -> None:
    """Wait until the metric shows this, also for a process that still starts. Raises Stuck."""
    await _until(address, name, lambda found: found == wanted, within_s)


async def reaches(address: str, name: str, least: float, within_s: float) -> None:
    """Wait until the metric shows this or more. Raises Stuck."""
    await _until(address, name, lambda found: found >= least, within_s)


async def _until(address: str, name: str, wanted: Callable[[float], bool], within_s: float) -> None:
    deadline, found = time.monotonic() + within_s, math.nan
    while not wanted(found):
        if time.monotonic() > deadline:
            raise Stuck(f"after {within_s:g} s {name} is {found:g}")
        await asyncio.sleep(0.1)
        with suppress(httpx.TransportError):
            found = await reading(address, name)
