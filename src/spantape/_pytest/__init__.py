"""What the pytest plugin does for a test with a tape; `spantape.pytest_plugin` is pytest's way in."""
