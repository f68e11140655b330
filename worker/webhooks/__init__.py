"""Telling webhooks what has become of their jobs, by the rules of Standard Webhooks."""
