"""Makes sure that there is a browser to test with: `python -m tests.browser.install`.

With root and apt it installs Debian's Chromium; elsewhere any Chromium, Chrome or Edge will do. Without one it fails.
"""

import os
import shutil
import subprocess
import sys

from tests.browser import lab


def install() -> None:
    """Install Debian's package where that is possible and no browser is there yet."""
    try:
        lab.browser_path()
        return
    except RuntimeError:
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False, env=environment)


def main() -> int:
    """Install, say where the browser is, and return an exit status."""
    try:
        install()
        print(f"Browser for the tests: {lab.browser_path()}")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
