"""How many files and sockets this process may have open."""

import resource

#: For everything besides the callers that follow jobs: connections to Redis, other requests, files.
SPARE = 1000


def allow_descriptors(num_streams: int) -> None:
    """Raise this process's own limit so that so many streams fit, as far as the system lets it.

    Many systems begin at 1024, which a thousand streams would use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = num_streams + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
