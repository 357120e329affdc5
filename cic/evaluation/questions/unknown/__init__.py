"""The question `unknown`; `question.toml` declares it."""
