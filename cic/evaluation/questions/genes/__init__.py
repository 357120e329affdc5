"""The question `genes`; `question.toml` declares it."""
