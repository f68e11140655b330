"""How many receivers are being told something at a time."""

from dataclasses import dataclass

#: How long receivers are taken to need until they have shown it, in seconds.
USUAL_SECONDS = 0.05
#: How much earlier than at its turn a message that waits comes: it may do so in vain a few times, but a slot
#: that nobody takes is lost.
EAGERNESS = 4
#: Longest pause of a message that waits for others, in seconds.
LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class SlotLimits:
    """Most messages that are under way at once: in all, and of those one host or one owner may take."""

    num_slots: int = 128
    per_host: int = 16
    per_owner: int = 64


@dataclass
class _Line:
    """The messages to one host, or from one owner."""

    #: Most of them that may be under way.
    limit: int
    num_under_way: int = 0
    #: How long they have lately taken.
    seconds: float = USUAL_SECONDS
    #: When the last of those that wait may come.
    promised_at: float = 0.0

    @property
    def is_full(self) -> bool:
        return self.num_under_way >= self.limit

    def promise(self, now: float) -> float:
        """When one more that waits may come: behind those that came before."""
        self.promised_at = max(self.promised_at, now) + self.seconds / self.limit / EAGERNESS
        return self.promised_at


class Slots:
    """Counts what is under way, so that a receiver that is slow takes only its share; of one thread."""

    def __init__(self, limits: SlotLimits) -> None:
        self._limits = limits
        self._hosts: dict[str, _Line] = {}
        self._owners: dict[str, _Line] = {}
        #: How many more may be under way.
        self.num_free = limits.num_slots

    @property
    def num_hosts(self) -> int:
        """How many hosts it has in mind."""
        return len(self._hosts)

    def has_room(self, host: str, owner: str) -> bool:
        """Whether another message to this host, from this owner, may be under way."""
        return not self._full(host, owner)

    def take(self, host: str, owner: str) -> None:
        """Count a message."""
        self.num_free -= 1
        self._hosts.setdefault(host, _Line(self._limits.per_host)).num_under_way += 1
        self._owners.setdefault(owner, _Line(self._limits.per_owner)).num_under_way += 1

    def free(self, host: str, owner: str, began_at: float, now: float) -> None:
        """Count it no more."""
        self.num_free += 1
        for lines, name in ((self._hosts, host), (self._owners, owner)):
            line = lines[name]
            line.num_under_way -= 1
            line.seconds = (line.seconds + now - began_at) / 2
            # Names must not pile up.
            if not line.num_under_way and line.promised_at <= now:
                del lines[name]

    def pause(self, host: str, owner: str, now: float) -> float:
        """In how many seconds a message that finds no room may come again."""
        promised_at = max(line.promise(now) for line in self._full(host, owner))
        return min(promised_at - now, LONGEST_PAUSE_SECONDS)

    def _full(self, host: str, owner: str) -> list[_Line]:
        """What keeps another message from being under way."""
        lines = (self._hosts.get(host), self._owners.get(owner))
        return [line for line in lines if line is not None and line.is_full]
