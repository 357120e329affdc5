"""How good a code is, beside replicates and PCA; the report.

Arrays end in the letters of their axes. These mean the same everywhere in the evaluation:

======  =====================================================================
letter  axis
======  =====================================================================
S       profiles: all, or those that a function is about
N       training profiles
G       genes of the model
K       coordinates in the basis of the training profiles
Y       coordinates in one basis of all profiles
W       numbers of a code
L       labels (cell types, classes)
R       resamples
U       units that are resampled whole
======  =====================================================================

Other letters are a module's own; its docstring says what they are.
"""
