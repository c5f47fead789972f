"""What can go wrong with a file at the door. What is inside a workbook is judged later, by the import."""

from plantkit.errors import DomainError, Invalid, Kind
from plantkit.http.errors import TooLarge, UnsupportedMediaType


class NotAForm(UnsupportedMediaType):
    """A file is sent as a form."""

    code = "upload.not-a-form"
    cure = "Send multipart/form-data with the file in the field `file`."


class WrongExtension(UnsupportedMediaType):
    """The file's name does not end in .xlsx or .csv."""

    code = "upload.wrong-extension"
    cure = "Save it as XLSX (Excel workbook) or CSV and send that; macros and older formats are not read."


class WrongContent(UnsupportedMediaType):
    """The file is not what its name says: its first bytes are those of something else."""

    code = "upload.wrong-content"
    cure = "Open the file and save it as XLSX or CSV, without a password."


class EmptyFile(Invalid):
    """The file has no bytes."""

    code = "upload.empty"
    cure = "Save the file again and send it."


class FileTooLarge(TooLarge):
    """The file is larger than the gateway takes."""

    code = "upload.too-large"
    cure = "Split the file, or save it as CSV."


class TooManyUploads(DomainError):
    """One user sends too many files at once, or too much within an hour."""

    kind = Kind.LIMITED
    code = "upload.too-many"
    cure = "Wait for the time in Retry-After; the files sent before are being read."
