"""The question `reconstruction`; `question.toml` declares it."""
