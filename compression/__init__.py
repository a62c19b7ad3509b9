"""The engine of Compression Lab: methods, training, measurement and durable runs; imports no streamlit."""

import os
from pkgutil import extend_path

# Python 3.14 has a standard package of the same name that gzip and others import from: both must be reachable.
__path__ = extend_path(__path__, __name__)

# Threads that spin while they wait make a small network on a busy machine up to fifty times slower; read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
