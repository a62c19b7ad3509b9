"""A process of the lab under test: `python -m benchmarks.chaos_process` is a supervisor; with the word `server`, a server.

Both are what the app runs, but for four things. `CHAOS_SLOTS` runs share the CPU. A lease lasts `CHAOS_LEASE_SECONDS`. The file
that `CHAOS_CLOCKS` names holds two numbers, the seconds by which `time.time` and `time.monotonic` are wrong, and may change at
any moment. The server only does what a page's server does for runs: it keeps a supervisor alive.
"""

import os
import sys
import time
from pathlib import Path


def bend_clocks(file: Path) -> None:
    """Make this process's clocks, and those of its children, wrong by what a file says."""
    wall, steady = time.time, time.monotonic

    def error(place: int) -> float:
        try:
            return float(file.read_text().split()[place])
        except (OSError, IndexError, ValueError):
            return 0.0

    time.time = lambda: wall() + error(0)
    time.monotonic = lambda: steady() + error(1)


def main() -> None:
    """Serve until killed."""
    bend_clocks(Path(os.environ["CHAOS_CLOCKS"]))
    from compression.runs import launch, leases, supervisor

    launch.MODULE = "benchmarks.chaos_process"
    if "server" in sys.argv:
        while True:
            launch.ensure_alive()
            time.sleep(0.5)
    leases.LEASE_S = float(os.environ["CHAOS_LEASE_SECONDS"])
    supervisor.slots = lambda _devices: {"cpu": int(os.environ["CHAOS_SLOTS"])}
    supervisor.main()


if __name__ == "__main__":
    main()
