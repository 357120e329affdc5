"""Search over depth and bottleneck width, in rounds."""
