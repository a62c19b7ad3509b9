"""What only a browser shows of the pages' looks: a narrow screen brings a run into view, the logo follows the shade."""

from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import lab
from tests.pages.stored_runs import finished


@pytest.fixture(autouse=True)
def _same_home(server: lab.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process write into the server's store."""
    monkeypatch.setenv("LAB_HOME", str(server.home))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)


VERDICT = "[class*=st-key-verdict]"
RUN_MS = 60_000

READABLE = 4.5  # WCAG 2, level AA
BACKGROUND = "element => getComputedStyle(element).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
FOCUSED = """() => {
    const here = document.activeElement;
    const bar = document.querySelector(".st-key-run-dock") ?? document.querySelector(".st-key-run-bar");
    const name = here.getAttribute("aria-label") ?? here.innerText;
    return [name, here.getBoundingClientRect().bottom, bar.getBoundingClientRect().top, bar.contains(here)];
}"""


def contrast(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the contrast of two sRGB colours, 1 to 21, as WCAG 2 defines it."""

    def luminance(colour: Sequence[int]) -> float:
        linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, bright = sorted((luminance(first), luminance(second)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("path", "button"), [("/distill?seeds=1&epochs=1", "Run"), ("/compress?seeds=1&epochs=1", "Run compression")]
)
def test_a_narrow_screen_shows_the_run_that_was_started_and_its_verdict(path: str, button: str, page: Page) -> None:
    page.set_viewport_size(lab.NARROW)
    page.goto(path)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".st-key-run-shown")).to_be_in_viewport()
    expect(page.locator(VERDICT)).to_be_in_viewport(timeout=RUN_MS)
    lab.settle(page)
    expect(page.locator(VERDICT)).to_be_in_viewport()
    lab.shoot(page, "narrow-" + path.partition("?")[0].strip("/"))
    run, form = (page.locator(f"[data-testid=stColumn]:has({part})").first for part in (VERDICT, ".st-key-run-bar"))
    assert run.bounding_box()["y"] < form.bounding_box()["y"]


@pytest.mark.parametrize(("shade", "colour"), [("light", (15, 98, 168)), ("dark", (118, 185, 238))])
@pytest.mark.parametrize(
    ("path", "blue"), [("/distill", "[data-testid=stSliderThumbValue]"), ("/runs", "button[aria-checked=true]")]
)
def test_blue_words_are_legible(path: str, blue: str, shade: str, colour: tuple[int, ...], page: Page) -> None:
    if path == "/runs":
        finished()
    page.emulate_media(color_scheme=shade)
    page.goto(path)
    expect(page.locator(blue).first).to_have_css("color", f"rgb{colour}")
    assert contrast(colour, page.get_by_test_id("stApp").evaluate(BACKGROUND)) >= READABLE


@pytest.mark.parametrize("path", ["/distill", "/compress"])
def test_what_the_keyboard_reaches_does_not_hide_under_the_run_button(path: str, page: Page) -> None:
    page.set_viewport_size(lab.WIDE)
    page.goto(path)
    lab.settle(page)
    expect(page.locator(".live-chart .plot-container").first).to_be_visible()
    page.get_by_role("combobox").first.focus()
    seen = []
    for _press in range(80):
        page.keyboard.press("Tab")
        name, bottom, top, inside = page.evaluate(FOCUSED)
        if inside:
            break
        seen.append(name)
        assert bottom <= top + 1, name
    assert inside
    assert len(seen) > 8


def test_the_logo_stays_legible_when_the_shade_changes_without_a_reload(page: Page) -> None:
    page.goto("/")
    lab.settle(page)
    logo = page.get_by_test_id("stSidebarLogo")
    for shade, light_words in (("dark", True), ("light", False), ("dark", True)):
        page.emulate_media(color_scheme=shade)
        page.wait_for_timeout(500)
        picture = Image.open(BytesIO(logo.screenshot())).convert("L")
        lowest, highest = picture.crop((picture.width // 3, 0, picture.width, picture.height)).getextrema()
        assert highest - lowest > 150
        assert (picture.getpixel((picture.width // 3, 1)) < 128) == light_words
