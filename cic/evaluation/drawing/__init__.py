"""Pictures: style, marks, maps."""
