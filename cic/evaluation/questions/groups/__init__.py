"""The question `groups`; `question.toml` declares it."""
