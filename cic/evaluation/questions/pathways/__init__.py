"""The question `pathways`; `question.toml` declares it."""
