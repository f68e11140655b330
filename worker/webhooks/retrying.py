"""When a message that was not heard is sent again."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class RetryRules:
    """Pauses that grow threefold, from seconds to hours, for a day."""

    first_pause_seconds: float = 5
    growth: float = 3
    longest_pause_seconds: float = 4 * 3600
    #: Pauses are longer or shorter by up to this share, so that many messages do not come back at once.
    jitter: float = 0.2
    #: How long after the event a message is given up.
    patience_seconds: float = 86_400

    def next_attempt_at(
        self, now: datetime, occurred_at: datetime, attempt: int, retry_after: float | None
    ) -> datetime | None:
        """When to send again after the given attempt, and not before a receiver asks; None to give up."""
        pause = min(self.first_pause_seconds * self.growth ** (attempt - 1), self.longest_pause_seconds)
        pause *= 1 + random.uniform(-self.jitter, self.jitter)
        # A receiver that asks for a week would never hear it.
        asked = min(retry_after or 0, self.longest_pause_seconds)
        following = now + timedelta(seconds=max(pause, asked))
        last = occurred_at + timedelta(seconds=self.patience_seconds)
        return following if following <= last else None
