"""What every test shares."""

import signal

from hypothesis import settings

import our_compression  # noqa: F401

# A shell without job control starts what it puts in the background with SIGINT ignored, and all children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("lab", deadline=None)  # on a busy machine an example takes as long as others let it
settings.load_profile("lab")
