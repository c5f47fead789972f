"""One file from its first byte to its last row: `open_file(...)` as a context, then `head()`, then `batches()`."""

from imports.spreadsheet.limits import Code, Limits, Refused
from imports.spreadsheet.model import Batch, CellError, Head

__all__ = ["Batch", "CellError", "Code", "Head", "Limits", "Refused"]
