"""How equal two answers are in meaning: cosine, embedders, parsed values, facts."""
