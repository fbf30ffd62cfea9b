"""What texts state, one kind of fact a module: numbers, dates, denials, opposites, roles, certainty, content."""
