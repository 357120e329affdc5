"""External validation: a trained model measured on a file of profiles that it never saw."""
