"""The question `unseen_types`; `question.toml` declares it."""
