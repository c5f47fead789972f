"""What one running service holds, made once at start and handed to whoever needs it."""

from dataclasses import dataclass, field

from plantkit.audit import Refusals
from plantkit.auth.tokens import Verifier
from plantkit.clock import Clock
from plantkit.db.engine import Database
from plantkit.http.consistency import Consistency
from plantkit.messaging.wake import Wake
from plantkit.settings import ServiceSettings
from plantkit.strategies import CommandStrategies


@dataclass(frozen=True, slots=True)
class Context:
    settings: ServiceSettings
    db: Database
    clock: Clock
    verifier: Verifier
    wake: Wake
    refusals: Refusals
    consistency: Consistency
    commands: CommandStrategies = field(default_factory=CommandStrategies)
