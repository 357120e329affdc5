"""The question `features`; `question.toml` declares it."""
