"""The question `noise`; `question.toml` declares it."""
