"""Hashing with argon2id in threads of its own, so that a storm of sign-ins slows sign-ins and nothing else."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.identity.rules import spelled
from plantkit.errors import Unavailable

R = TypeVar("R")
Args = TypeVarTuple("Args")

THREADS = 2
WAITING = 64


class Passwords:
    """Argon2id, 19 MiB and two passes a hash; at most two hashes run and 64 wait, the rest are told to come back."""

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody = self._hasher.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        return await self._in_thread(self._hasher.hash, spelled(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` belongs to `stored`. Without one a stranger's hash is compared, which costs the same."""
        right = await self._in_thread(self._verify, stored or self._nobody, spelled(password))
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[*Args], R], *args: *Args) -> R:
        if self._waiting >= WAITING + THREADS:
            raise Unavailable("Too many sign-ins at once.", retry_after_s=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1
