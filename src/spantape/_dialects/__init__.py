"""What the bytes of each wire API mean: pure functions, found by URL."""
