"""The gate, promotion and rollback of registered models."""
