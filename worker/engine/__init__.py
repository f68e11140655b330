"""Continuous batching: samples join and leave the running batch between any two steps."""
