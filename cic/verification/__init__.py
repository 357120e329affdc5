"""From a registered version back to the bytes that it was made from, and forth again."""
