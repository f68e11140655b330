"""Prompt beautification: a causal language model expands what a user wrote (Kandinsky 3.0 report, 5.3)."""
