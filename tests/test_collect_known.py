"""What was added is known, and hardly anything else."""

from __future__ import annotations

from spantape.collect._known import Known


def test_what_was_added_is_in_it_and_hardly_anything_else():
    known = Known(f"{number:012x}" for number in range(20_000))
    known.update(["my-run"])
    assert "my-run" in known
    assert all(f"{number:012x}" in known for number in range(20_000))
    assert sum(f"{number:012x}" in known for number in range(20_000, 40_000)) < 5
    assert "" not in Known()
