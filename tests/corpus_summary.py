"""What the corpus tests ran, added up over all tests and worker processes, at the end of the run."""

from __future__ import annotations

from collections import Counter

COUNTS = "corpus_counts"
"""The property of a test's report that holds its counts, by what is counted."""


def pytest_terminal_summary(terminalreporter):
    """Print the sums, where a test counted anything."""
    total = Counter()
    for report in terminalreporter.stats.get(
        "", ()
    ):  # what is no outcome: fixtures that were set up or taken down
        if report.when == "teardown":
            for name, counts in report.user_properties:
                total.update(counts if name == COUNTS else {})
    if total:
        terminalreporter.section("corpus")
        for what, count in sorted(total.items()):
            terminalreporter.write_line(f"{count:6} {what}")
