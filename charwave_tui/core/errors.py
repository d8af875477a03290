"""The one exception for what a person can put right."""

from __future__ import annotations


class UserError(Exception):
    """Input that cannot be used: `problem` names the thing and the value, `remedy` says what to do.

    `field` is the hyperparameter or setting it is about, where there is one.
    """

    def __init__(self, problem: str, remedy: str, field: str | None = None) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.field = field
