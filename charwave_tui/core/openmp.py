"""The wait policy of OpenMP threads, which torch reads from the environment when it is imported."""

from __future__ import annotations

import os

# Waiting threads sleep: spinning ones take CPU time from every other process of the machine.
PASSIVE_WAIT_ENV = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def set_passive_wait_policy() -> None:
    """Set the wait policy unless the user has set one. Has no effect once torch is imported."""
    for name, value in PASSIVE_WAIT_ENV.items():
        os.environ.setdefault(name, value)
