"""A supervisor process that works with one of the small engines: `python -m tests.runs.serve ENGINE IDLE_SECONDS`."""

import sys

from compression.runs import supervisor
from tests.runs import engines

if __name__ == "__main__":
    # A test must not end because someone edits the engine meanwhile.
    supervisor.code_version = lambda: "fixed"
    supervisor.Supervisor(
        engine=getattr(engines, sys.argv[1]), warm=lambda: None, probe=lambda: ["cpu"], idle_s=float(sys.argv[2])
    ).serve()
