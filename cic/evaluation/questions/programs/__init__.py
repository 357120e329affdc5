"""The question `programs`; `question.toml` declares it."""
