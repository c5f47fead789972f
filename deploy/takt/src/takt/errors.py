"""What stops the stack, said to a person in one sentence."""

import errno
import os


class StackError(Exception):
    """The stack cannot go on. The text is one sentence that says what to do; it is printed without a traceback."""


_SENTENCES = {
    errno.ENOSPC: "The disk that holds {path} is full: free some space there, or choose another folder with --data.",
    errno.EDQUOT: "The disk quota for {path} is used up: free some space there, or choose another folder with --data.",
    errno.EACCES: "No permission to write {path}: choose a folder of your own with --data, or change its owner.",
    errno.EPERM: "No permission to write {path}: choose a folder of your own with --data, or change its owner.",
    errno.EROFS: "The disk that holds {path} is read-only: choose another folder with --data.",
}


def from_os_error(error: OSError, path: os.PathLike[str] | str) -> StackError:
    """The sentence for an operating system error met while working in `path`."""
    where = error.filename or os.fspath(path)
    if error.errno in _SENTENCES:
        return StackError(_SENTENCES[error.errno].format(path=where))
    return StackError(f"The system refused {where}: {error.strerror or error}.")
