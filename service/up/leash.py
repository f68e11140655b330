"""Commands that the kernel signals when their parent dies."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def leashed(arguments: tuple[str, ...], number: signal.Signals) -> tuple[str, ...]:
    """The command line that runs `arguments` as a child which gets `number` when this process dies.

    Only Linux can do that; elsewhere the command is what it was.
    """
    if sys.platform != "linux":
        return arguments
    # A script of its own, for code between fork and exec is not safe in a process with threads.
    return (sys.executable, "-I", "-S", __file__, str(int(number)), str(os.getpid()), *arguments)


def main(number: str, parent: str, *arguments: str) -> None:
    """Ask for the signal, then become the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() == int(parent):
        os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
