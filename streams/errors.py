"""Every error Millrace raises by name.

    MillraceError
    ├── UserError   a person can mend it: one sentence, exit code 2, no traceback
    ├── Retry       transient: try again with backoff, order kept
    └── Reject      this record can never succeed: dead-letter it, go on

Any other exception in a processor is a bug: the worker stops and nothing is committed. They are
defined in `schemas.errors`, the bottom of the import order, since every layer raises them.
"""

from schemas.errors import MillraceError, Reject, Retry, UserError

__all__ = ["MillraceError", "Reject", "Retry", "UserError"]
