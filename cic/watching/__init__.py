"""Models in use: what was scored by them, and whether it still is like what they were made for."""
