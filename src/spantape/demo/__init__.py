"""The demo: a real agent recorded, exported, replayed offline and compared, every claim of it checked."""

from spantape.demo.receipt import Check, DemoReceipt

__all__ = ["Check", "DemoReceipt"]
