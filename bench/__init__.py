"""Measurements of speed, memory and reach; nothing here is a test."""
