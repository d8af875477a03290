"""UserError, the exception for what the user can put right."""

from __future__ import annotations


class UserError(Exception):
    """Input that cannot be used: `problem` names the thing and its value, `remedy` says what to do.

    `field` is the hyperparameter or sampling setting it is about, None if it is about none.
    """

    def __init__(self, problem: str, remedy: str, field: str | None = None) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.field = field
