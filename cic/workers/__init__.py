"""What runs pure functions side by side; `cic.workers.executor` gives it."""
