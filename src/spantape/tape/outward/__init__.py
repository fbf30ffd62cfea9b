"""Tapes written for other programs: OTLP files, the spans of other conventions, and OTLP endpoints to send them to.

One module a format; `formats` is the table of them. Nothing here changes a tape.
"""
