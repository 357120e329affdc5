"""Gene sets, and their links with the numbers of a code."""
