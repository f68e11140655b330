"""Measures what a family of demonstration checkpoints can do, and writes the figures as one table."""
