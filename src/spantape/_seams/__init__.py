"""Where calls cross: one module for each library, knowing that library and nothing else."""

from __future__ import annotations

from spantape._seams import httpx
from spantape._seams._patch import Where

TABLE: tuple[Where, ...] = (*httpx.TABLE,)
"""Every place that is wrapped."""
