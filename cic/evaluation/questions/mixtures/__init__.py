"""The question `mixtures`; `question.toml` declares it."""
