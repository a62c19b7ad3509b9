"""Times what a person waits for in a real browser: from an event in a page to the frame in which a condition holds."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser import lab

PATIENCE_MS = 60_000
ARM = """([event, condition]) => {
    const holds = eval(condition);
    window.stopwatch = new Promise(tell => document.addEventListener(event, () => {
        const began = performance.now();
        const look = () => holds() ? requestAnimationFrame(() => tell(performance.now() - began)) : requestAnimationFrame(look);
        look();
    }, { capture: true, once: true }));
}"""
READ = f"""Promise.race([window.stopwatch, new Promise((_, fail) =>
    setTimeout(() => fail(new Error("it did not come")), {PATIENCE_MS}))])"""
SLIDER = "[data-testid=stSlider]"


def milliseconds(page: Page, event: str, act: Callable[[], object], condition: str) -> float:
    """Return the time from an event, caused by an act, to the first painted frame after a JavaScript condition holds."""
    page.evaluate(ARM, [event, f"() => {condition}"])
    act()
    return page.evaluate(READ)


def slide(page: Page, label: str, share: float, condition: str) -> float:
    """Return the milliseconds from letting go of a slider's handle, at a share of its track, until a condition holds."""
    slider = page.locator(SLIDER).filter(has=page.get_by_role("slider", name=label))
    slider.evaluate("element => element.scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(100)
    track, handle = slider.bounding_box(), slider.get_by_role("slider").bounding_box()
    page.mouse.move(track["x"] + share * track["width"], handle["y"] + handle["height"] / 2)
    page.mouse.down()
    return milliseconds(page, "pointerup", page.mouse.up, condition)


def open_quietly(page: Page, path: str) -> None:
    """Open a page and wait until it rests."""
    page.goto(path, timeout=PATIENCE_MS)
    lab.settle(page)
