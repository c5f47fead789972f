"""What can be refused about imports. What is wrong with a file or a row is no refusal: it is told as the outcome."""

from imports.jobs.rules import Action
from plantkit.errors import DomainError, Forbidden, Invalid, Kind
from takt_contracts.imports.jobs import ImportState


class FileReferenceRefused(Invalid):
    """A file event refers to something that is not a file of the inbox."""

    code = "file.reference-refused"
    cure = "Put the file below `inbox/` of the object store and name its key as `dataref`, in envelope and data alike."


class AnswerDoesNotFit(Invalid):
    """An owner's answer does not have one state and one version for each row that it was sent."""

    code = "rows.answer-does-not-fit"
    cure = "Look at the version of the owner; its answer is kept whole in the parked list."


class IllegalTransition(DomainError):
    """The import cannot take this action in its present state."""

    kind = Kind.CONFLICT
    code = "import.illegal-transition"
    cure = "Read the import: its state says what is open. What has ended is uploaded again."

    def __init__(self, *, state: ImportState, action: Action) -> None:
        super().__init__(f"An import that is {state} cannot {action}.", state=state, action=action)


class PlanChanged(DomainError):
    """The plan is not the one that was looked at."""

    kind = Kind.CONFLICT
    code = "import.plan-changed"
    cure = "Read the plan again, and commit with its `hash`, or without one."


class UnknownTarget(Invalid):
    """No resource of this name can be imported."""

    code = "import.target-unknown"
    cure = "Use the id of one of /api/v1/templates."


class BadMapping(Invalid):
    """The mapping names a column that the sheet does not have, an unknown field, or a field twice."""

    code = "import.mapping-unknown"
    cure = "Map the columns that `mapping` and `suggestions` of the import show to fields of the template, each once."


class TooManyStreams(DomainError):
    """This process follows as many imports as it can."""

    kind = Kind.LIMITED
    code = "import.too-many-streams"
    cure = "Read the import now and then instead, or try again after the time in Retry-After."


class RowsNotShown(Forbidden):
    """Rows of this import are not for everyone."""

    code = "import.rows-not-shown"
    cure = "Ask somebody who has the role that the answer names."
    always_told = True


class RowsPurged(DomainError):
    """Rows that are not for everyone are kept for a few days only; these are gone."""

    kind = Kind.GONE
    code = "import.rows-purged"
    cure = "Read the records themselves, or upload the file again."
