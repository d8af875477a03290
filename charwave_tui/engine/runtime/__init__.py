"""Shared by the whole engine: cooperative generators, devices and random generators."""
