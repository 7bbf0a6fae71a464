"""The errors a user can cause or must know about: one line, no traceback."""


class MaskaudioError(Exception):
    """Something failed; the message says what and what to do (exit code 1)."""


class UsageError(MaskaudioError):
    """The request itself cannot be carried out as asked (exit code 2)."""


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, in one line; its name where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
