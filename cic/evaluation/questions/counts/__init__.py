"""The question `counts`; `question.toml` declares it."""
