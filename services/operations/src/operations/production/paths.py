"""How an operation is named in a path."""

from typing import Annotated

from fastapi import Path

from takt_contracts.scalars import OperationNo, OrderNo

OrderPath = Annotated[OrderNo, Path()]
OperationPath = Annotated[OperationNo, Path()]
