"""DVC pointers, and what git says of the working tree."""
