"""How many receivers are being told something at a time."""

from collections import Counter
from dataclasses import dataclass

#: How long a receiver is taken to need until it has shown it, in seconds.
USUAL_SECONDS = 0.05
#: How much earlier than at its turn a message that waits comes: it may do so in vain a few times, but a slot
#: that nobody takes is lost.
EAGERNESS = 4
#: Longest pause of a message that waits for others to the same host, in seconds.
LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class SlotLimits:
    """Most messages that are under way at once: in all, and of those one host or one owner may take."""

    num_slots: int = 128
    per_host: int = 16
    per_owner: int = 64


@dataclass
class _Host:
    """A host that is being told something."""

    num_under_way: int = 0
    #: How long it has lately taken to answer.
    seconds: float = USUAL_SECONDS
    #: When the last of the messages that wait for it may come.
    promised_at: float = 0.0


class Slots:
    """Counts what is under way, so that a receiver that is slow takes only its share; of one thread."""

    def __init__(self, limits: SlotLimits) -> None:
        self._limits = limits
        self._hosts: dict[str, _Host] = {}
        self._owners: Counter[str] = Counter()

    @property
    def num_free(self) -> int:
        """How many more may be under way."""
        return self._limits.num_slots - self._owners.total()

    @property
    def num_hosts(self) -> int:
        """How many hosts it has in mind."""
        return len(self._hosts)

    def has_room(self, host: str, owner: str) -> bool:
        """Whether another message to this host, from this owner, may be under way."""
        there = self._hosts.get(host, _Host())
        return there.num_under_way < self._limits.per_host and self._owners[owner] < self._limits.per_owner

    def take(self, host: str, owner: str) -> None:
        """Count a message."""
        self._hosts.setdefault(host, _Host()).num_under_way += 1
        self._owners[owner] += 1

    def free(self, host: str, owner: str, began_at: float, now: float) -> None:
        """Count it no more."""
        there = self._hosts[host]
        there.num_under_way -= 1
        there.seconds = (there.seconds + now - began_at) / 2
        self._owners -= Counter([owner])
        # Names must not pile up.
        if not there.num_under_way and there.promised_at <= now:
            del self._hosts[host]

    def pause(self, host: str, now: float) -> float:
        """In how many seconds a message that finds no room may come again: behind those that came before."""
        there = self._hosts.setdefault(host, _Host())
        there.promised_at = max(there.promised_at, now) + there.seconds / self._limits.per_host / EAGERNESS
        return min(there.promised_at - now, LONGEST_PAUSE_SECONDS)
