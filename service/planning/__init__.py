"""From a request to the stages of a job: which models, which sizes, which defaults."""
