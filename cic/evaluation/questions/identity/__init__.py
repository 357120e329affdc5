"""The question `identity`; `question.toml` declares it."""
