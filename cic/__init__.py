"""Cell identity codes: train, compare and promote deep autoencoders of gene expression."""

__version__ = "0.1.0"
