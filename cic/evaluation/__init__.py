"""How good a code is, beside replicates and PCA; the report."""
