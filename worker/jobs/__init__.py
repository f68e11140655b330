"""The contract between gateway and workers: the job, its record, its events, its queue and its pictures."""
