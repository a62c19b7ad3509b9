"""The verdict in words and the cards: every claim carries its interval and how it was come by."""

import json
from pathlib import Path

import pytest

from ui.run.result_cards import card_html, card_rows, origins, verdict_sentence

KEPT = json.loads((Path(__file__).parents[1] / "assets" / "home" / "run.json").read_text())["result"]
MODEL = KEPT["models"]["student"]


def verdict(answer: str, difference: float, interval: list[float], seeds: int = 5) -> dict:
    return {"claim": "", "answer": answer, "difference": difference, "interval": interval, "seeds": seeds}


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        (
            "distill",
            verdict("yes", 0.0212, [0.009, 0.0331]),
            "Distillation beats training alone by 2.1 points, 95 % interval 0.9 to 3.3, 5 seeds.",
        ),
        (
            "distill",
            verdict("no", -0.02, [-0.03, -0.01]),
            "Distillation falls behind training alone by 2.0 points, 95 % interval 1.0 to 3.0, 5 seeds.",
        ),
        (
            "distill",
            verdict("inconclusive", 0.004, [-0.005, 0.012]),
            "No clear winner: distillation differs by 0.4 points, 95 % interval −0.5 to 1.2, 5 seeds.",
        ),
        (
            "compress",
            verdict("yes", -0.004, [-0.009, 0.001], 3),
            "Compression costs 0.4 points, 95 % interval −0.1 to 0.9, 3 seeds: within the 1.0 allowed.",
        ),
        (
            "compress",
            verdict("no", -0.1, [-0.12, -0.08], 3),
            "Compression costs 10.0 points, 95 % interval 8.0 to 12.0, 3 seeds: more than the 1.0 allowed.",
        ),
    ],
)
def test_the_verdict_in_words(kind: str, given: dict, sentence: str) -> None:
    assert verdict_sentence(kind, given) == sentence


def test_an_uncertain_compression_names_what_was_allowed() -> None:
    told = verdict_sentence("compress", verdict("inconclusive", -0.02, [-0.04, 0.0], 3), tolerance=0.025)
    assert "too uncertain" in told
    assert "2.5 allowed" in told


def test_a_teacher_that_changed_nothing_is_no_rival() -> None:
    assert verdict_sentence("distill", verdict("inconclusive", 0.0, [0.0, 0.0], 3)).startswith("No difference at all")
    assert verdict_sentence("distill", verdict("inconclusive", 0.0, [-0.01, 0.01], 3)).startswith("No clear winner")


def test_every_word_about_a_number_is_explained() -> None:
    words = {how for _name, how, *_rest in card_rows(MODEL, None)} - {"with the teacher"}
    assert all(f"**{word}**" in origins() for word in words | {"simulated"})


def test_one_seed_says_what_is_missing() -> None:
    assert "luck of training is not in it" in verdict_sentence("distill", verdict("yes", 0.1, [0.05, 0.15], 1))


def test_without_a_baseline_there_is_no_claim() -> None:
    told = verdict_sentence("distill", None)
    assert "baseline" in told
    assert "beats" not in told


def test_a_card_says_every_number_with_its_unit_and_evidence() -> None:
    card = card_html("student", MODEL, KEPT["models"]["teacher"])
    low, high = (100 * bound for bound in MODEL["accuracy_interval"])
    accuracy = (f"{100 * MODEL['accuracy']:.1f} %", f"{low:.1f} to {high:.1f} % · measured")
    for text in (*accuracy, "9.06 KB", "42.1× smaller", "MACs", "1,730"):
        assert text in card
    rows = {name: (how, value) for name, how, value, _note in card_rows(MODEL, None)}
    assert rows["Size"][0] == "from the file"
    assert rows["Latency"][0] == "measured"
    assert rows["Computation"][0] == "counted"
    assert rows["Agreement"][1].endswith(" %")


def test_simulated_latency_is_not_called_measured() -> None:
    simulated = MODEL | {"latency_ms": MODEL["latency_ms"] | {"simulated": True}}
    assert [how for name, how, *_rest in card_rows(simulated, None) if name == "Latency"] == ["simulated"]


def test_zeros_are_told_only_where_there_are_some() -> None:
    pruned = MODEL | {"nonzero": 100}
    assert [note for name, *_rest, note in card_rows(pruned, None) if name == "Parameters"] == ["100 not zero"]
    assert [note for name, *_rest, note in card_rows(MODEL, None) if name == "Parameters"] == [""]


def test_a_network_of_the_same_size_is_not_called_smaller() -> None:
    assert [note for name, *_rest, note in card_rows(MODEL, MODEL) if name == "Size"] == [""]


def test_a_strangers_text_cannot_become_markup() -> None:
    card = card_html("student", MODEL | {"architecture": {"name": "<script>alert(1)</script>"}})
    assert "<script" not in card
