"""Timers of operations: how long setting up, machine and labour took, and where a machine or a person is meanwhile."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from takt_contracts.operations.production import Operation, OperationEvent
from takt_contracts.resource import Fields
from takt_contracts.scalars import Code, UtcDatetime


class TimerKind(StrEnum):
    """What time is taken of: setting up (AUST of ISO 22400), production by a machine (APT), work of a person."""

    SETUP = "setup"
    MACHINE = "machine"
    LABOR = "labor"


class Timer(BaseModel):
    """A machine, a person or both are at an operation: from `started_at` to `ended_at`, or still."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    kind: TimerKind
    machine: Code | None = Field(None, examples=["LATHE-3"])
    employee: Code | None = Field(None, examples=["E-07"])
    started_at: UtcDatetime
    started_by: str = Field(description="Id of the user, key or service.", examples=["operator-07"])
    ended_at: UtcDatetime | None = Field(None, examples=[None])
    ended_by: str | None = Field(None, examples=[None])


class OperationTimed(Operation):
    """An operation as it is after one of its timers was opened or stopped."""

    timer: Timer


class AtWork(Fields):
    """Body of start: `{}`, or who and what begins. Each named is at this operation from now on, and nowhere else."""

    machine: Code | None = Field(None, description="Code of the machine: opens a timer of kind `machine`.")
    employee: Code | None = Field(None, description="Code of the employee: opens a timer of kind `labor`.")


class TimerBody(Fields):
    """Whose time is taken. A timer of kind `machine` names its machine, one of kind `labor` its employee."""

    kind: TimerKind
    machine: Code | None = Field(None, validate_default=True)
    employee: Code | None = Field(None, validate_default=True)

    @field_validator("machine")
    @classmethod
    def machine_time_has_a_machine(cls, machine: str | None, others: ValidationInfo) -> str | None:
        if machine is None and others.data.get("kind") is TimerKind.MACHINE:
            raise PydanticCustomError("machine_missing", "Machine time needs its machine.")
        return machine

    @field_validator("employee")
    @classmethod
    def labor_has_an_employee(cls, employee: str | None, others: ValidationInfo) -> str | None:
        kind, machine = others.data.get("kind"), others.data.get("machine")
        if employee is None and (kind is TimerKind.LABOR or (kind is TimerKind.SETUP and machine is None)):
            raise PydanticCustomError(
                "employee_missing", "Labour needs its employee, and setting up somebody or a machine."
            )
        return employee


_RUNNING: Mapping[str, Any] = {"status": "IN_PROGRESS"}


class OperationTimerOpened(OperationEvent):
    """A machine or a person began at an operation."""

    fact: ClassVar[str] = "timer-opened"
    sample: ClassVar[Mapping[str, Any]] = _RUNNING

    timer: Timer


class OperationTimerClosed(OperationEvent):
    """A machine or a person left an operation."""

    fact: ClassVar[str] = "timer-closed"
    sample: ClassVar[Mapping[str, Any]] = _RUNNING

    timer: Timer
