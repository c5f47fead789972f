"""How an operation is named in a path, and what is said where there is none."""

from typing import Annotated

from fastapi import Path

from operations.production.model import Operation
from plantkit.resources.guards import exists
from takt_contracts.operations.production import OPERATION
from takt_contracts.scalars import OperationNo, OrderNo

OrderPath = Annotated[OrderNo, Path()]
OperationPath = Annotated[OperationNo, Path()]
operation_exists = exists(OPERATION, Operation)
