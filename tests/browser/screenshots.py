"""Pictures of pages: `python -m tests.browser.screenshots [/distill /compress?bits=4 …] [--server URL]`.

Each page is taken wide and narrow, in light and dark, into screenshots/. Without a server one is started on a fresh store.
"""

import argparse
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import lab

PATHS = ["/", "/distill", "/compress", "/compare", "/runs"]


def shoot_all(browser: Browser, address: str, paths: list[str], *, whole: bool = False) -> list[Path]:
    """Take every page in both sizes and both shades; `whole` takes as much height as the page needs."""
    taken = []
    for size_name, size in (("wide", lab.WIDE), ("narrow", lab.NARROW)):
        for shade in ("light", "dark"):
            context = browser.new_context(base_url=address, viewport=size, color_scheme=shade)
            page = context.new_page()
            for path in paths:
                page.goto(path)
                lab.settle(page)
                page.wait_for_timeout(700)
                if whole:
                    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
                    page.wait_for_timeout(300)
                name = re.sub(r"\W+", "-", path).strip("-") or "home"
                taken.append(lab.shoot(page, f"{name}-{size_name}-{shade}"))
                page.set_viewport_size(size)
            context.close()
    return taken


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description="Take pictures of the app's pages.")
    parser.add_argument("paths", nargs="*", default=PATHS)
    parser.add_argument("--server", help="the address of an app that runs already")
    parser.add_argument("--whole", action="store_true", help="take the whole height of the page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lab.browser() as browser:
        server = None if given.server else lab.start(Path(folder))
        try:
            for picture in shoot_all(browser, given.server or server.address, given.paths, whole=given.whole):
                print(picture.relative_to(lab.ROOT))
        finally:
            if server:
                server.end()
                lab.end_supervisor(server.home)


if __name__ == "__main__":
    main()
