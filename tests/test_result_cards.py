"""The cards: every number says its split, its seeds, its interval and how it was come by."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from ui.run.costs import card_rows
from ui.run.ratios import savings
from ui.run.result_cards import best_seed, card_html, card_rows_of, origins, seed_title, unfinished

KEPT = json.loads((Path(__file__).parents[1] / "assets" / "home" / "run.json").read_text())["result"]
MODEL = KEPT["models"]["student"]


def test_every_word_about_a_number_is_explained() -> None:
    words = {how.split(" · ")[0] for _name, how, *_rest in card_rows(MODEL, None)} - {"with the teacher, test"}
    assert all(f"**{word}**" in origins() for word in words | {"simulated", "smaller", "faster"})


def test_a_card_says_every_number_with_its_unit_and_evidence() -> None:
    card = card_html("student", MODEL, KEPT["models"]["teacher"], KEPT)
    low, high = (100 * bound for bound in MODEL["accuracy_interval"])
    accuracy = (f"{100 * MODEL['accuracy']:.1f} %", f"95 % interval {low:.1f} to {high:.1f} % · measured")
    learned = ("test, 500 images · mean of 5 seeds", "Validation<small>259 images", "200 images", "Learning rate<small>as set")
    for text in (*accuracy, *learned, "9.06 KB", "42.1× smaller", "MACs", "1,730", "54.6× fewer"):
        assert text in card
    rows = {name: (how, value) for name, how, value, _note in card_rows(MODEL, None)}
    assert rows["Size"][0] == "from the file"
    assert rows["Latency"][0].startswith("measured · p95 ")
    assert rows["Computation"][0] == "counted"
    assert rows["Agreement"][1].endswith(" %")


def test_simulated_latency_is_not_called_measured() -> None:
    simulated = MODEL | {"latency_ms": MODEL["latency_ms"] | {"simulated": True}}
    assert next(how for name, how, *_rest in card_rows(simulated, None) if name == "Latency").startswith("simulated")


def test_a_simulated_latency_is_neither_faster_nor_slower() -> None:
    slow = MODEL | {"latency_ms": {"median": 8.0, "p95": 9.0, "simulated": False}}
    rounded = slow | {"latency_ms": {"median": 1.0, "p95": 2.0, "simulated": True}}
    assert next(note for name, *_rest, note in card_rows(rounded, slow) if name == "Latency") == "activations not rounded"
    assert next(note for name, *_rest, note in card_rows(slow, rounded) if name == "Latency") == ""
    for pair in ({"original": slow, "compressed": rounded}, {"original": rounded, "compressed": slow}):
        assert savings(pair).endswith("latency simulated.")


def test_zeros_are_told_only_where_there_are_some() -> None:
    pruned = MODEL | {"nonzero": 100}
    assert [note for name, *_rest, note in card_rows(pruned, None) if name == "Parameters"] == ["100 not zero"]
    assert [note for name, *_rest, note in card_rows(MODEL, None) if name == "Parameters"] == [""]


def test_a_network_of_the_same_size_is_not_called_smaller() -> None:
    assert [note for name, *_rest, note in card_rows(MODEL, MODEL) if name == "Size"] == [""]


def test_a_strangers_text_cannot_become_markup() -> None:
    card = card_html("student", MODEL | {"architecture": {"name": "<script>alert(1)</script>"}})
    assert "<script" not in card


def timed(median: float, size_bytes: int = 1000, width: int = 4, **latency: Any) -> dict:
    figures = {"median": median, "p95": 1.5 * median, "simulated": False, **latency}
    return MODEL | {"latency_ms": figures, "size_bytes": size_bytes, "architecture": {"name": "cnn", "width": width}}


def test_faster_compares_latency_with_latency_and_smaller_file_with_file() -> None:
    def notes(small: dict) -> dict[str, str]:
        return {name: note for name, _how, _value, note in card_rows(small, timed(0.4, 12_000, 32))}

    assert (notes(timed(0.1))["Latency"], notes(timed(0.1))["Size"]) == ("4.00× faster", "12.0× smaller")
    assert (notes(timed(0.8, 24_000))["Latency"], notes(timed(0.8, 24_000))["Size"]) == ("2.00× slower", "2.00× larger")
    assert notes(timed(0.41))["Latency"] == "as fast"


def latency_note(model: dict, against: dict | None, *others: dict) -> str:
    models = [one for one in (model, against, *others) if one]
    return next(note for name, *_rest, note in card_rows(model, against, models=models) if name == "Latency")


UNRELIABLE = "not reliable: other work disturbed the timing"


def test_a_disturbed_latency_is_not_compared_and_says_so() -> None:
    teacher, student = timed(0.4, 12_000, 32), timed(0.1, p95=7.0)
    assert latency_note(student, teacher) == UNRELIABLE
    assert latency_note(student, None) == UNRELIABLE
    assert latency_note(timed(0.1), timed(0.4, 12_000, 32, p95=17.0)) == ""
    told = "Student against its teacher: file 12.0× smaller, latency not reliable, as other work disturbed the timing."
    assert savings({"teacher": teacher, "student": student}) == told


def test_a_ratio_of_latencies_has_an_interval_and_none_is_told_where_it_holds_1() -> None:
    def note(*ratios: float) -> str:
        blocks = [0.1 * ratio for ratio in ratios]
        before = timed(statistics.median(blocks), width=32, blocks=blocks)
        return latency_note(timed(0.1, blocks=[0.1] * len(blocks)), before)

    assert note(2.9, 3.1, 3.0, 3.2, 3.0, 2.8) == "3.00× faster, 2.80 to 3.20"
    assert note(1 / 2.5, 1 / 2.4, 1 / 2.6, 1 / 2.5, 1 / 2.5, 1 / 2.5) == "2.50× slower, 2.40 to 2.60"
    assert note(0.9, 1.2, 1.3, 1.4, 1.3, 1.25) == "speed too close to tell (0.900× to 1.40×)"
    assert note(0.98, 1.02, 1.01, 0.99, 1.0, 1.03) == "as fast"


def test_networks_of_the_same_structure_are_as_fast_as_each_other_and_apart_in_an_old_result_not_reliable() -> None:
    assert latency_note(timed(0.11), timed(0.1)) == "as fast"
    baseline, student, teacher = timed(0.251), timed(0.129), timed(0.7, width=32)
    assert latency_note(student, teacher, baseline) == UNRELIABLE
    assert latency_note(student, teacher, timed(0.13)) == "5.43× faster"
    models = {"teacher": teacher, "student": student, "baseline": baseline}
    assert "not reliable" in savings(models)
    assert UNRELIABLE in card_html("student", student, teacher, {"models": models})


def test_zeros_that_save_no_time_say_why() -> None:
    original, pruned = timed(0.1), timed(0.101) | {"nonzero": 346}
    told = "as fast: single weights set to zero are still multiplied; removing channels makes it faster"
    assert latency_note(pruned, original) == told
    assert latency_note(timed(0.1), original) == "as fast"
    removed = pruned | {"parameters": 346, "macs": 100, "latency_ms": {"median": 0.05, "p95": 0.06}}
    assert latency_note(removed, original) == "2.00× faster"


def test_a_card_says_which_rate_a_role_chose() -> None:
    tuning = {"student": {"lr": 0.4, "tried": [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.4}]}}
    card = card_html("student", MODEL | {"lr": 0.4}, None, KEPT | {"tuning": tuning})
    assert "Learning rate<small>best of 3 on validation</small></span><span>0.4<" in card


def test_a_training_that_has_not_converged_says_what_may_help() -> None:
    def of(*reasons: str | None) -> list[str]:
        return unfinished({"per_seed": [{"seed": seed, "convergence": reason} for seed, reason in enumerate(reasons)]})

    assert of(None, None) == []
    falling = "Training loss was still falling at the end in 2 of 3 seeds: more epochs may help."
    rising = "Validation loss rose at the end in 1 of 3 seeds: fewer epochs or a smaller learning rate may help."
    assert of("still_falling", "validation_rising", "still_falling") == [falling, rising]
    assert of("still_falling") == ["Training loss was still falling at the end: more epochs may help."]
    assert unfinished({"per_seed": [{"seed": 0}]}) == []
    assert "Training loss was still falling" in card_html("student", MODEL | {"per_seed": [{"convergence": "still_falling"}]})


def test_the_download_is_one_seed_and_says_which() -> None:
    assert best_seed(MODEL) == 3
    assert best_seed({"per_seed": [{"seed": 4}, {"seed": 5}]}) == 4
    assert seed_title(MODEL["per_seed"][3]) == "3 (97.3 %)"
    assert seed_title({"seed": 2}) == "2"


@pytest.mark.parametrize(
    ("median", "told"),
    [(0.1, "file 12.0× smaller, 4.00× faster (latency measured)"), (0.41, "file 12.0× smaller, as fast (latency measured)")],
)
def test_the_verdict_says_how_much_smaller_and_faster_and_of_what(median: float, told: str) -> None:
    models = {"teacher": {"size_bytes": 1200, "latency_ms": {"median": 0.4}}}
    models["student"] = {"size_bytes": 100, "latency_ms": {"median": median}}
    assert savings(models) == f"Student against its teacher: {told}."
    assert savings({"student": models["student"]}) == ""


def test_a_compressed_card_keeps_test_apart_from_validation() -> None:
    compressed = MODEL | {"before_recovery": 0.372, "before_recovery_validation": 0.502}
    card = card_html("compressed", compressed, None, KEPT)
    assert "Before recovery<small>test, mean of 5 seeds, simulated</small></span><span>37.2 %" in card
    assert "50.2" not in card
    assert "Learned from" not in card


def test_a_result_of_an_earlier_version_has_a_card() -> None:
    old = {name: value for name, value in MODEL.items() if name not in ("validation_accuracy", "lr", "agreement")}
    old |= {"per_seed": [{"seed": 0, "accuracy": 0.9}]}
    card = card_html("student", old, None, {"models": {}})
    assert "test images · one seed" in card
    assert "Validation" not in card


def test_a_peers_card_says_that_it_learned_what_the_student_did() -> None:
    peer = {**KEPT["models"]["teacher"], "beside": "student", "lr": 0.2}
    titles = {"teacher": "Peer"}
    card, usual = card_html("teacher", peer, None, KEPT, titles), card_html("teacher", KEPT["models"]["teacher"], None, KEPT)
    assert "</i>Peer</div>" in card
    for text in ("beside the student", "200 images", "Learning rate<small>the student&#x27;s"):
        assert text in card
        assert text not in usual
    assert "with the peer, test" in card_html("student", KEPT["models"]["student"], None, KEPT, titles)
    assert savings({**KEPT["models"], "teacher": peer}, titles).startswith("Student against its peer: ")


def test_a_role_that_a_scheme_brings_has_a_card_in_a_colour_of_its_own() -> None:
    cards = [card_html(role, KEPT["models"]["student"], None, KEPT) for role in ("assistant1", "assistant2", "student")]
    assert [card.split("</i>")[1].split("<")[0] for card in cards] == ["Assistant 1", "Assistant 2", "Student"]
    assert len({card.split("--role: ")[1][:7] for card in cards}) == 3


def test_cards_of_roles_that_a_scheme_brings_stand_below_the_others_three_a_row() -> None:
    usual = ["teacher", "baseline", "student"]
    assert card_rows_of(["student", "teacher", "baseline"]) == [usual]
    own = [f"generation{place}" for place in (1, 2, 3, 4)]
    assert card_rows_of([*own, *usual]) == [usual, own[:3], own[3:]]
