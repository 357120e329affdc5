"""Gene expression profiles: reading, checking, splitting, preprocessing, simulating."""
