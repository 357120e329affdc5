"""The question `unseen_groups`; `question.toml` declares it."""
