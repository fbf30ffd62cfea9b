"""Exchange to span and back: names, payload codec, redaction, limits."""
