"""Answering calls from a tape: matching, modes, misses, drift."""
