"""A supervisor process that works with one of the small engines: `python -m tests.runs.serve ENGINE IDLE_SECONDS`."""

import sys

from compression.runs.supervisor import Supervisor
from tests.runs import engines

if __name__ == "__main__":
    Supervisor(engine=getattr(engines, sys.argv[1]), warm=lambda: None, probe=lambda: ["cpu"], idle_s=float(sys.argv[2])).serve()
