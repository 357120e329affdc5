"""Pictures: marks, the style that they are drawn in, codes on a map, heat maps, dots with names."""
