"""The question `architectures`; `question.toml` declares it."""
