"""What is measured: each module gives plain numbers and tables, and knows nothing of how they are shown."""
