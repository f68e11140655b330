"""The resident models: what each offers, and what it makes of the stage of a job."""
