"""Temperature in a real browser: bars and gradients against torch's, while the temperature is dragged."""

import re
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Page, expect
from torch import Tensor
from torch.nn import functional

from tests.browser import lab
from ui.run import answers, softened_answers
from ui.run.answers import UNTRAINED

DRAG = """([slider, place, release]) => {
    slider.value = place;
    slider.dispatchEvent(new Event("input"));
    if (release) slider.dispatchEvent(new Event("change"));
}"""
PER_MILLE = 1e-3


@pytest.fixture(autouse=True)
def nothing_goes_wrong(page: Page) -> Iterator[None]:
    """Fail when the page complains on its console, asks in vain, or asks another machine."""
    heard = lab.complaints(page)
    yield
    assert heard == []


@pytest.fixture
def logits(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> dict[str, Tensor]:
    """The logits of the example's networks in the order in which the page shows the images, and the labels."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    found = softened_answers.instructive_first(answers.asked(answers.of_example(), "validation", 100, untrained=True))
    return {**found.logits, "labels": found.split.labels}


def drag(page: Page, temperature: float, *, release: bool = False) -> float:
    """Move the slider to about a temperature, and return the one that it stands at then."""
    place = round(400 * torch.log(torch.tensor(temperature / 0.5)).item() / torch.log(torch.tensor(100.0)).item())
    shown = page.locator(".softened")
    page.evaluate(DRAG, [shown.get_by_role("slider", name="Temperature T").element_handle(), place, release])
    return float(shown.get_by_role("spinbutton", name="Temperature T").input_value())


def shares(page: Page, role: str) -> Tensor:
    """Return the probabilities that a network's bars show."""
    texts = page.locator(f'[data-network="{role}"] .share').all_inner_texts()
    return torch.tensor([0.0 if "<" in text else float(text.removesuffix(" %")) / 100 for text in texts])


def gradients(logits: dict[str, Tensor], temperature: float) -> list[float]:
    """Return the mean lengths of the gradients of an untrained student's logits: without T², with it, of labels."""
    student = logits[UNTRAINED].clone().requires_grad_()
    target = functional.softmax(logits["teacher"] / temperature, 1)
    soft = functional.kl_div(functional.log_softmax(student / temperature, 1), target, reduction="sum")
    hard = functional.cross_entropy(student, logits["labels"], reduction="sum")
    sizes = [torch.autograd.grad(loss, student)[0].norm(dim=1).mean().item() for loss in (soft, hard)]
    return [sizes[0], sizes[0] * temperature**2, sizes[1]]


def test_bars_are_the_softmax_and_move_while_dragging(page: Page, logits: dict[str, Tensor]) -> None:
    page.goto("/temperature")
    expect(page.locator(".softened-network")).to_have_count(4)
    lab.settle(page)
    before = page.url
    for temperature in (4.0, 1.0, 20.0):
        here = drag(page, temperature)
        assert here == pytest.approx(temperature, rel=0.05)
        for role in ("teacher", UNTRAINED, "student", "baseline"):
            expected = functional.softmax(logits[role][0] / here, 0)
            torch.testing.assert_close(shares(page, role), expected, atol=PER_MILLE, rtol=0)
    assert page.url == before
    assert f"T = {here:g} " in page.locator(".softened-told").first.inner_text()
    page.get_by_role("button", name="Next image").click()
    torch.testing.assert_close(
        shares(page, "student"), functional.softmax(logits["student"][1] / here, 0), atol=PER_MILLE, rtol=0
    )


@pytest.mark.parametrize("temperature", [2.0, 8.0])
def test_the_gradients_are_those_that_torch_computes(page: Page, logits: dict[str, Tensor], temperature: float) -> None:
    page.goto("/temperature")
    expect(page.locator(".softened-network")).to_have_count(4)
    here = drag(page, temperature)
    told = page.locator(".softened-told").last.inner_text()
    numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?(?= without|(?= with it)|(?=\. Without))", told)]
    assert numbers == [pytest.approx(size, rel=0.06) for size in gradients(logits, here)]


def test_a_temperature_that_is_let_go_has_a_link_and_leads_to_distill(page: Page) -> None:
    page.goto("/temperature")
    expect(page.locator(".softened-network")).to_have_count(4)
    here = drag(page, 8.0, release=True)
    page.wait_for_url(re.compile(rf"temperature={here:g}"))
    page.get_by_role("link", name=f"Distill at T = {here:g}").click()
    expect(page).to_have_url(re.compile(rf"/distill\?.*loss\.temperature={here:g}"))
    page.get_by_role("button", name="See what T does").click()
    chosen = drag(page, 3.0, release=True)
    page.get_by_role("button", name=f"Use T = {chosen:g}").click()
    expect(page).to_have_url(re.compile(rf"loss\.temperature={chosen:g}"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_all_bars_of_a_network_begin_in_one_line_and_are_of_one_length(page: Page) -> None:
    page.goto("/temperature")
    expect(page.locator(".softened-network")).to_have_count(4)
    page.locator(".softened-row > .name").first.evaluate("name => { name.textContent = 'a class with a long name'; }")
    places = page.locator('[data-network="teacher"] .bar').evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect()).map(box => [box.left, box.width])"
    )
    assert len(places) == 10
    assert all(place == pytest.approx(places[0], abs=0.5) for place in places)
