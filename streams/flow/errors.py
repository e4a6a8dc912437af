"""Every error Millrace raises by name.

    MillraceError
    ├── UserError   a person can mend it: one sentence, exit code 2, no traceback
    ├── Retry       transient: try again with backoff, order kept
    └── Reject      this record can never succeed: dead-letter it, go on

Any other exception is a bug: see `streams.runtime.faults`.
"""


class MillraceError(Exception):
    """The root of what Millrace raises on purpose."""


class UserError(MillraceError):
    """A wrong setting, a taken port, no network: names the thing and the remedy."""


class Retry(MillraceError):  # noqa: N818 - the word processors say
    """A transient failure: the runtime tries the record again with backoff, in order."""


class Reject(MillraceError):  # noqa: N818
    """This record can never succeed: it goes to the dead letters with this reason.

    `answered` says that whoever waits for an answer has one already, so none is owed.
    """

    def __init__(self, reason: str, *, answered: bool = False) -> None:
        super().__init__(reason)
        self.answered = answered
