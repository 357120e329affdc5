"""Files of public repositories, fetched when asked for: whole, checked, and with a record of where they came from."""
