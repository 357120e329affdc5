"""Training again on parts of the profiles, in one basis of them all."""
