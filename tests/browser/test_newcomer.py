"""The newcomer's path in a real browser: open, Run, watch it grow, reload, read the verdict, compare, cancel another."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from compression import settings
from compression.runs import store
from compression.runs.records import CANCELLED, RUNNING, Run
from tests.browser import lab

LONG = "/distill?epochs=300&seeds=10"
WHOLE_RUN_MS = 120_000
VERDICT = "[class*=st-key-verdict]"


@pytest.fixture(autouse=True)
def _same_home(server: lab.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read the server's store."""
    monkeypatch.setenv("LAB_HOME", str(server.home))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)


@pytest.fixture(autouse=True)
def _nothing_goes_wrong(page: Page) -> Iterator[None]:
    """Fail when the page complains on its console, asks in vain, or asks another machine."""
    heard = lab.complaints(page)
    yield
    assert heard == []


def shown_run(page: Page) -> Run:
    """Return the run that the page's address names, as the store has it."""
    page.wait_for_url(re.compile(r"[?&]run="))
    return store().run(parse_qs(urlsplit(page.url).query)["run"][0])


def start_long_run(page: Page) -> Run:
    """Start a run from the page that is still at work when a test has looked at it, and wait for its first points."""
    page.goto(LONG)
    lab.settle(page)
    page.get_by_role("button", name="Run", exact=True).click()
    wait_for_points(page, "baseline", 2)
    return shown_run(page)


def cancel(page: Page) -> None:
    """Cancel the run on the page and wait until the page says so."""
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("This run was cancelled")).to_be_visible()


def wait_for_points(page: Page, role: str, count: int) -> None:
    """Wait until a role's curve has that many points."""
    page.wait_for_function(f"({lab.POINTS})('{role}') >= {count}", timeout=WHOLE_RUN_MS)


def test_from_home_to_a_verdict_and_its_models(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Start a first distillation").click()
    page.get_by_role("button", name="Run", exact=True).click()
    wait_for_points(page, "baseline", 1)
    run = shown_run(page)
    page.reload()
    wait_for_points(page, "student", 3)
    assert shown_run(page).id == run.id
    lab.shoot(page, "newcomer-running")

    verdict = page.locator(VERDICT)
    expect(verdict).to_contain_text(
        re.compile(r"Does the teacher help\?.*Yes.*with the teacher, .* without: \+"), timeout=WHOLE_RUN_MS
    )
    told = store().run(run.id).result
    assert told["verdict"]["answer"] == "yes"
    cards = page.locator(".role-card")
    expect(cards).to_have_count(3)
    for card, role in zip(cards.all(), ("teacher", "baseline", "student"), strict=True):
        expect(card).to_contain_text(f"{100 * told['models'][role]['accuracy']:.1f}")
    assert lab.points(page, "student") == lab.points(page, "baseline") == run.spec["train"]["epochs"] + 1
    lab.shoot(page, "newcomer-verdict")

    best = max(told["models"]["student"]["per_seed"], key=lambda row: row["validation_accuracy"])
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download seed")).nth(2).click()
    kept = settings.runs_folder() / run.id / best["artifact"]
    assert Path(download.value.path()).read_bytes() == kept.read_bytes()

    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Compare").click()
    expect(page.get_by_text("3 networks", exact=False)).to_be_visible()
    expect(page.locator(".live-chart .scatterlayer .points path")).not_to_have_count(0)
    lab.shoot(page, "newcomer-compare")


def test_a_second_tab_watches_and_a_run_can_be_cancelled(browser: Browser, page: Page) -> None:
    run = start_long_run(page)

    second = page.context.new_page()
    second.goto("/distill")
    wait_for_points(second, "baseline", lab.points(page, "baseline"))
    assert shown_run(second).id == run.id

    stranger = browser.new_page(base_url=page.url)
    stranger.goto(f"/distill?run={run.id}")
    wait_for_points(stranger, "baseline", lab.points(page, "baseline"))
    expect(stranger.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)

    cancel(page)
    assert store().run(run.id).state == CANCELLED
    for other in (second, stranger):
        expect(other.get_by_text("This run was cancelled")).to_be_visible()
        other.close()
    lab.shoot(page, "newcomer-cancelled")


def test_leaving_the_page_and_the_tab_does_not_stop_a_run(page: Page) -> None:
    run = start_long_run(page)
    more = min(lab.points(page, "baseline") + 3, run.spec["train"]["epochs"])
    wait_for_points(page, "baseline", more)
    page.reload()
    wait_for_points(page, "baseline", more)
    assert (shown_run(page).id, store().run(run.id).state) == (run.id, RUNNING)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Compress").click()
    expect(page).to_have_title("Compress · Compression Lab")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Distill").click()
    wait_for_points(page, "baseline", 3)
    assert shown_run(page).id == run.id
    before = store().run(run.id).fraction

    page.goto("about:blank")
    page.wait_for_timeout(1000)
    now = store().run(run.id)
    assert now.state == RUNNING
    assert now.fraction > before

    page.goto("/distill")
    cancel(page)


def test_nonsense_in_the_address_is_said_in_a_sentence_each(page: Page) -> None:
    page.goto("/distill?epochs=banana&teacher=nope&loss_temperature=1e999&run=../../etc/passwd")
    said = page.get_by_test_id("stAlert")
    expect(said).to_have_count(4)
    shown = " ".join(said.all_inner_texts())
    for words in (
        "Epochs “banana”",
        "40 is used",
        "Teacher “nope”",
        "CNN is used",
        "Temperature T “1e999”",
        "4.0 is used",
        "no run “",
    ):
        assert words in shown
    lab.settle(page)
    asked = parse_qs(urlsplit(page.url).query)
    assert [asked[name] for name in ("train.epochs", "teacher", "loss.temperature")] == [["40"], ["cnn"], ["4"]]
    assert "run" not in asked
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
