"""How torch's threads wait, which OpenMP reads from the environment before torch is imported."""

from __future__ import annotations

import os

PASSIVE_WAIT_ENV = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Threads that sleep while they wait: spinning ones take the core from whoever shares the machine."""


def set_passive_wait_policy() -> None:
    """Set the waiting policy unless the user has set one; call it before torch is imported."""
    for name, value in PASSIVE_WAIT_ENV.items():
        os.environ.setdefault(name, value)
