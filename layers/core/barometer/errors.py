"""The one error root. Whoever catches ``BarometerError`` catches what Barometer itself refuses, and nothing else."""


class BarometerError(Exception):
    """Something Barometer refuses or cannot do, in a sentence a person can act on."""


class InvalidInputError(BarometerError):
    """Input that will never be right as it is: the field at fault and the reason, for the edge to show.

    Args:
        field: dotted path of the field at fault (``posts.3.text``), or ``""`` for the whole.
        reason: what is wrong, in words a client can act on.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class BackpressureError(BarometerError):
    """A queue is at its bound; nothing was taken. Try again after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(BarometerError):
    """Something this needs is down or overloaded, whatever the input: try again later.

    A function that raises it tells the poller to wait with the whole pipe and to blame no record for it. The poller
    knows it by its name alone, so a function raises this class and none below it.

    Args:
        what: what is away, in words for anyone ("the database does not answer").
        why: what was seen of it, for those who run it; may name hosts.
    """

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what = what


class NotFoundError(BarometerError):
    """The thing that was named does not exist."""


class ConflictError(BarometerError):
    """The thing to be made exists already."""


class SettingsError(BarometerError):
    """A setting is missing or wrong; the message names its environment variable."""


class MissingError(SettingsError):
    """What a setting asks for is right but not here: a package that is not installed, a file that was not delivered."""
