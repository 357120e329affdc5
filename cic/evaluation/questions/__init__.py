"""The questions that an evaluation answers, a folder each; `cic.evaluation.catalogue` finds them."""
