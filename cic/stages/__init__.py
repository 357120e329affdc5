"""One module a stage, each with its function: parameters and folders in, files out. `cic.pipeline` runs them."""
