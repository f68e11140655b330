"""What a request is known by when it comes again: its idempotency key."""

import hashlib
from dataclasses import dataclass

from worker.jobs.errors import AlreadySubmitted, IdempotencyKeyReused


@dataclass(frozen=True)
class Submitted:
    """A request that came under an idempotency key: equal requests have equal fingerprints."""

    key: str
    fingerprint: str
    #: For how long the key stands for the job.
    keep_seconds: int = 86_400

    def record_key(self, owner: str) -> str:
        """Where Redis keeps which job it has become: each owner has keys of their own."""
        return f"idempotency:{owner}:{hashlib.sha256(self.key.encode()).hexdigest()}"

    def replay_of(self, job_id: str, fingerprint: str) -> AlreadySubmitted | IdempotencyKeyReused:
        """What it is to a request that has come before under its key, and has become a job."""
        same = self.fingerprint == fingerprint
        return AlreadySubmitted(job_id) if same else IdempotencyKeyReused(job_id)
