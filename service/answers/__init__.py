"""What callers see of jobs."""
