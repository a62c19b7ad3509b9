"""A supervisor process with one of the small engines: `python -m tests.runs.serve ENGINE IDLE_SECONDS LIMIT=SECONDS …`.

A limit is a constant of the supervisor, of its children or of leases (`LEASE_S=3`): tests need not wait as long as people do.
"""

import sys

from compression.runs import children, leases, supervisor
from tests.runs import engines


def main(engine: str, idle_s: str, *limits: str) -> None:
    """Serve until there is nothing to do."""
    for name, seconds in (limit.split("=") for limit in limits):
        module = next(module for module in (leases, children, supervisor) if hasattr(module, name))
        setattr(module, name, float(seconds))
    # A test must not end because someone edits the engine meanwhile.
    supervisor.code_version = lambda: "fixed"
    supervisor.Supervisor(
        engine=getattr(engines, engine), warm=lambda *spec: None, probe=lambda: ["cpu"], idle_s=float(idle_s)
    ).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
