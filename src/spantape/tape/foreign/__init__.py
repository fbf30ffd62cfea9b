"""Recordings of other tools, in and out: one module a format, and a table that knows them by their content.

`reading.recordings` is the way in, `har_out` and `vcr_out` are ways out. Nothing in a foreign file is imported,
evaluated, unpickled or run.
"""
