"""Bytes to events and back: server-sent events and their kin, incremental and pure."""
