"""What every test shares."""

import signal

import our_compression  # noqa: F401

# A shell without job control starts what it puts in the background with SIGINT ignored, and all children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
