"""The verdicts in words: each answers a question that is printed, for every answer that a result can have."""

from statistics import fmean
from typing import Any

import pytest

from ui.run.decimals import interval_points, printed_difference, result_decimals, signed_points
from ui.run.verdicts import points, verdicts

IMAGES = {"train": 1038, "validation": 259, "test": 500}
ACCURACIES = {"teacher": 0.994, "baseline": 0.933, "student": 0.967, "original": 0.984, "compressed": 0.978}


def found(answer: str, difference: float, low: float, high: float, seeds: int = 5, **more: Any) -> dict[str, Any]:
    reason = {"reason": None if answer != "inconclusive" else "within_noise", "fixed": None, **more}
    return {"claim": "", "answer": answer, "difference": difference, "interval": [low, high], "seeds": seeds, **reason}


def read(kind: str, result: dict[str, Any], spec: dict[str, Any] | None = None) -> list[tuple[str, str, str]]:
    models = {role: {"accuracy": accuracy} for role, accuracy in ACCURACIES.items()}
    told = verdicts(kind, {"models": models, "images": IMAGES, **result}, spec or {})
    return [(verdict.question, verdict.word, verdict.sentence) for verdict in told]


HELP = "Does the teacher help?"
WITHIN = "Is the student within 1 point of its teacher?"
COST = "Does compression cost at most 1 point?"
EITHER = "It may be either: the interval reaches to both sides of "
NOISE = " More seeds narrow the interval."
LUCK = " Its interval knows the test images but not the luck of training: take 2 seeds or more."


@pytest.mark.parametrize(
    ("given", "word", "sentence"),
    [
        (
            found("yes", 0.034, 0.0136, 0.0552),
            "Yes",
            "Test accuracy 96.7 % with the teacher, 93.3 % without: +3.4 points (95 % interval +1.4 to +5.5; "
            "5 seeds, 500 test images).",
        ),
        (
            found("yes", 0.034, 0.0136, 0.0552, tuned=True),
            "Yes",
            "Test accuracy 96.7 % with the teacher, 93.3 % without: +3.4 points (95 % interval +1.4 to +5.5; 5 seeds, "
            "500 test images, each at its best learning rate).",
        ),
        (
            found("no", -0.02, -0.03, -0.01),
            "No",
            "It does harm. Test accuracy 96.7 % with the teacher, 93.3 % without: −2.0 points (95 % interval −3.0 to −1.0; "
            "5 seeds, 500 test images).",
        ),
        (
            found("inconclusive", 0.004, -0.005, 0.012),
            "Too close to tell",
            EITHER
            + "0. Test accuracy 96.7 % with the teacher, 93.3 % without: +0.4 points (95 % interval −0.5 to +1.2; 5 seeds, "
            "500 test images)." + NOISE,
        ),
        (
            found("inconclusive", 0.03, 0.01, 0.05, 1, reason="one_seed"),
            "One seed cannot tell",
            "Test accuracy 96.7 % with the teacher, 93.3 % without: +3.0 points (95 % interval +1.0 to +5.0; one seed, "
            "500 test images)." + LUCK,
        ),
        (
            found("inconclusive", 0.0, -0.006, 0.006, reason="no_difference"),
            "No difference",
            "With and without the teacher the student gets the same test images right, at every seed (5 seeds, 500 test images).",
        ),
    ],
)
def test_whether_the_teacher_helps(given: dict[str, Any], word: str, sentence: str) -> None:
    assert read("distill", {"verdict": given}) == [(HELP, word, sentence)]


@pytest.mark.parametrize(
    ("given", "question", "word", "start"),
    [
        (found("yes", -0.004, -0.008, 0.0), WITHIN, "Yes", "Test accuracy 96.7 % against the teacher's 99.4 %: −0.4 points"),
        (found("no", -0.027, -0.034, -0.02), WITHIN, "No", "Test accuracy 96.7 % against the teacher's 99.4 %: −2.7 points"),
        (found("yes", 0.004, -0.002, 0.01), WITHIN, "Yes", "Test accuracy 96.7 % against the teacher's 99.4 %: +0.4 points"),
        (
            found("inconclusive", -0.02, -0.04, 0.0, tolerance=0.025),
            "Is the student within 2.5 points of its teacher?",
            "Too close to tell",
            EITHER + "−2.5 points. Test accuracy 96.7 %",
        ),
        (
            found("inconclusive", 0.0, -0.006, 0.006, tolerance=0.0, reason="no_difference"),
            "Is the student as accurate as its teacher?",
            "No difference",
            "Student and teacher get the same test images right",
        ),
    ],
)
def test_how_far_the_student_is_from_its_teacher(given: dict[str, Any], question: str, word: str, start: str) -> None:
    helped = found("yes", 0.034, 0.0136, 0.0552)
    told = read("distill", {"verdict": helped, "teacher_verdict": {"tolerance": 0.01, **given}})
    assert [line[0] for line in told] == [HELP, question]
    assert told[1][1] == word
    assert told[1][2].startswith(start)


@pytest.mark.parametrize(
    ("given", "question", "word", "start"),
    [
        (found("yes", -0.006, -0.0095, -0.001), COST, "Yes", "Compression costs 0.6 points. Test accuracy 97.8 % against"),
        (found("yes", 0.001, -0.003, 0.005), COST, "Yes", "Compression gains 0.1 points. Test accuracy"),
        (found("yes", -0.0002, -0.003, 0.003), COST, "Yes", "Compression costs nothing that shows. Test accuracy"),
        (found("no", -0.1, -0.12, -0.08), COST, "No", "Compression costs 10.0 points. Test accuracy"),
        (found("inconclusive", -0.02, -0.04, 0.0), COST, "Too close to tell", EITHER + "−1 point. Test accuracy"),
        (found("inconclusive", -0.02, -0.03, -0.01, 1, reason="one_seed"), COST, "One seed cannot tell", "Test accuracy"),
        (
            found("yes", -0.02, -0.024, -0.01, tolerance=0.025),
            "Does compression cost at most 2.5 points?",
            "Yes",
            "Compression costs 2.0 points.",
        ),
        (
            found("inconclusive", 0.0, -0.006, 0.006, tolerance=0.0, reason="no_difference"),
            "Is the compressed network as accurate as the original?",
            "No difference",
            "Original and compressed network get the same test images right",
        ),
    ],
)
def test_what_compression_costs(given: dict[str, Any], question: str, word: str, start: str) -> None:
    ((asked, answered, told),) = read("compress", {"verdict": {"tolerance": 0.01, **given}})
    assert (asked, answered) == (question, word)
    assert told.startswith(start)
    assert "costs −" not in told
    assert "500 test images" in told


def test_a_difference_has_the_same_sign_as_its_interval() -> None:
    ((_question, _word, told),) = read("compress", {"verdict": found("yes", 0.001, -0.003, 0.005, tolerance=0.01)})
    assert told.endswith("+0.1 points (95 % interval −0.3 to +0.5; 5 seeds, 500 test images).")


def test_an_edge_has_the_decimals_that_show_on_which_side_of_what_decides_it_lies() -> None:
    helped = found("yes", 0.034, 0.0004, 0.0552)
    close = found("inconclusive", -0.0268, -0.0436, -0.00996, tolerance=0.01)
    told = read("distill", {"verdict": helped, "teacher_verdict": close})
    assert "(95 % interval +0.04 to +5.5; " in told[0][2]
    assert "(95 % interval −4.4 to −0.996; " in told[1][2]
    assert "(95 % interval −1.04 to +0.5; " in read("compress", {"verdict": found("inconclusive", -0.003, -0.0104, 0.005)})[0][2]


@pytest.mark.parametrize(
    ("edges", "threshold", "texts"),
    [
        ((-0.0436, -0.00996), -0.01, ("−4.4", "−0.996")),
        ((-0.0436, -0.01004), -0.01, ("−4.4", "−1.004")),
        ((-0.0004, 0.0004), 0.0, ("−0.04", "+0.04")),
        ((-0.00002, 0.03), 0.0, ("−0.002", "+3.0")),
        ((-0.0121, -0.0126), -0.0125, ("−1.2", "−1.3")),
        ((-0.0124, -0.01), -0.0125, ("−1.2", "−1.0")),
        ((-0.02, -0.01), -0.01, ("−2.0", "−1.0")),
        ((-0.01000011, 0.0), -0.01, ("−1.0", "0.0")),
    ],
)
def test_the_edges_of_an_interval(edges: tuple[float, float], threshold: float, texts: tuple[str, str]) -> None:
    assert interval_points(edges, threshold) == texts


def of(new: float, old: float, difference: float | None = None) -> dict[str, Any]:
    """Return a compression whose verdict compares two accuracies."""
    difference = new - old if difference is None else difference
    answer = found("inconclusive", difference, difference - 0.013, difference + 0.013, tolerance=0.01)
    return {"models": {"compressed": {"accuracy": new}, "original": {"accuracy": old}}, "verdict": answer, "images": IMAGES}


def test_printed_accuracies_differ_by_the_printed_difference() -> None:
    ((_question, _word, told),) = read("compress", of(0.9913, 0.9946))
    assert "Test accuracy 99.13 % against the original's 99.46 %: −0.33 points (95 % interval −1.6 to " in told
    ((_question, _word, told),) = read("compress", of(0.991, 0.995))
    assert "Test accuracy 99.1 % against the original's 99.5 %: −0.4 points" in told


def test_thirds_of_three_seeds_agree_too() -> None:
    new, old = 0.9912 + 0.0001 / 3, 0.9945 + 0.0002 / 3
    assert result_decimals(of(new, old)) == 2
    assert "99.12 % against the original's 99.46 %: −0.34 points" in read("compress", of(new, old))[0][2]
    assert printed_difference(new - old, new, old, 2) == pytest.approx(new - old, abs=0.0001)


def test_a_difference_of_other_seeds_than_the_accuracies_asks_for_no_decimals() -> None:
    assert result_decimals(of(0.9913, 0.9946, -0.02)) == 1
    assert result_decimals({"verdict": None}) == 1


def settled(seeds: float, images: float, difference: float, name: str) -> str:
    """Return what is advised after an undecided comparison whose seeds and images vary so much."""
    spread = {"seeds": seeds, "images": images, "both": 0.0, "count": 500}
    answer = found("inconclusive", difference, -0.01, 0.03, tolerance=0.0, spread=spread)
    (answer,) = verdicts("compress", {**of(0.96, 0.95), "verdict": answer}, {"dataset": {"name": name}})
    return answer.sentence.split("). ")[-1]


def test_what_settles_it_is_what_people_can_do() -> None:
    own = "own-" + 24 * "0"
    seeds = "Take about 7 seeds to settle it: enough in 8 of 10 repeats, if the true difference is the one measured."
    assert settled(0.0001, 0.0, 0.015, "digits") == seeds
    assert "images" not in settled(0.00001, 0.02, 0.015, "digits")
    both = settled(0.00005, 0.011, 0.02, own)
    assert " seeds, or about " in both
    assert " test images in place of 500 to settle it: " in both
    assert settled(0.02, 0.02, 0.001, "digits") == (
        "More seeds narrow the interval. Yet even 10 would probably not settle it: this difference is small against the noise."
    )


def test_what_did_not_vary_is_said() -> None:
    models = {role: {"accuracy": accuracy} for role, accuracy in ACCURACIES.items()}
    answer = found("yes", -0.004, -0.008, 0.0, tolerance=0.01)
    told = verdicts("distill", {"models": models, "verdict": None, "teacher_verdict": {**answer, "fixed": "teacher"}}, {})
    assert told[1].remark.startswith("One teacher for all seeds")
    told = verdicts("compress", {"models": models, "verdict": {**answer, "fixed": "original"}}, {})
    assert told[0].remark.startswith("One original for all seeds")


def test_without_a_baseline_only_the_teacher_is_compared_with() -> None:
    told = read("distill", {"verdict": None, "teacher_verdict": found("yes", -0.004, -0.008, 0.0, tolerance=0.01)})
    assert [(question, word) for question, word, _told in told] == [(HELP, "No baseline"), (WITHIN, "Yes")]
    assert "train one too" in told[0][2]


def test_without_data_the_generator_is_asked_about_against_noise_and_real_images_are_for_reference() -> None:
    models = {
        "teacher": {"accuracy": 0.99},
        "baseline": {"accuracy": 0.96},
        "student": {"accuracy": 0.75},
        "noise": {"accuracy": 0.3},
    }
    result = {"models": models, "images": {**IMAGES, "transfer": 200}, "verdict": found("yes", 0.45, 0.4, 0.5, against="noise")}
    (told,) = verdicts("distill", result, {"scheme": {"name": "data_free"}})
    assert (told.question, told.word) == ("Does the generator help?", "Yes")
    assert told.sentence.startswith("Test accuracy 75.0 % with the generator, 30.0 % on noise: +45.0 points")
    assert told.remark == "For reference: the baseline, on 200 images of the dataset with their labels, reaches 96.0 %."
    del models["baseline"]
    assert verdicts("distill", result, {"scheme": {"name": "data_free"}})[0].remark == ""
    old = {**result, "models": {**models, "baseline": {"accuracy": 0.96}}, "verdict": found("no", -0.21, -0.25, -0.17)}
    assert "96.0 % without" in verdicts("distill", old, {"scheme": {"name": "data_free"}})[0].sentence


def test_results_of_an_earlier_version_are_answered_by_the_rules_of_today() -> None:
    old = {"claim": "student > baseline", "seeds": 1, "answer": "yes", "difference": 0.1, "interval": [0.05, 0.15]}
    models = {"student": {"accuracy": 0.9}, "baseline": {"accuracy": 0.8}, "original": {"accuracy": 0.9}}
    (told,) = verdicts("distill", {"models": models, "verdict": old}, {})
    assert told.word == "One seed cannot tell"
    equal = {**old, "seeds": 5, "answer": "inconclusive", "difference": 0.0, "interval": [0.0, 0.0]}
    assert verdicts("distill", {"models": models, "verdict": equal}, {})[0].word == "No difference"
    unclear = {**old, "seeds": 5, "answer": "inconclusive", "interval": [-0.01, 0.2]}
    assert verdicts("distill", {"models": models, "verdict": unclear}, {})[0].word == "Too close to tell"
    compressed = {**old, "seeds": 3, "difference": -0.02, "interval": [-0.03, -0.01]}
    models["compressed"] = {"accuracy": 0.88}
    (told,) = verdicts("compress", {"models": models, "verdict": compressed}, {"tolerance": 0.05})
    assert told.question == "Does compression cost at most 5 points?"


def test_points_and_signs() -> None:
    assert [points(value) for value in (0.01, 0.02, 0.025, 0.005)] == ["1 point", "2 points", "2.5 points", "0.5 points"]
    assert [signed_points(value) for value in (0.034, -0.01, 0.0, -0.0001)] == ["+3.4", "−1.0", "0.0", "0.0"]


def test_networks_that_learned_nothing_are_told_in_place_of_noise() -> None:
    def told(student: list[float], baseline: list[float], **train: Any) -> tuple[str, str]:
        accuracies = {"teacher": [0.99], "student": student, "baseline": baseline}
        models = {
            role: {"accuracy": fmean(seeds), "per_seed": [{"seed": seed, "accuracy": one} for seed, one in enumerate(seeds)]}
            for role, seeds in accuracies.items()
        }
        result = {"models": models, "images": IMAGES, "verdict": found("inconclusive", -0.004, -0.02, 0.012, len(student))}
        spec = {"kind": "distill", "dataset": {"name": "digits"}, "train": {"lr": 2.0, **train}}
        answer = verdicts("distill", result, spec)[0]
        return answer.word, answer.sentence

    word, sentence = told([0.096, 0.096], [0.094, 0.106])
    assert word == "Neither learned"
    assert sentence == (
        "Test accuracy 9.6 % with the teacher and 10.0 % without is no better than guessing, which is right 1 time in 10. "
        "The learning rate of 2 is high; a lower one may help."
    )
    assert told([0.1], [0.1], lr=0.0001)[1].endswith(" Another learning rate or more epochs may help.")
    word, sentence = told([0.096, 0.9], [0.93, 0.94])
    assert word == "Too close to tell"
    assert "Student: no better than guessing at 1 of 2 seeds. The learning rate" in sentence
    assert "more seeds narrow" not in sentence
    assert "guessing" not in told([0.14, 0.9], [0.93, 0.94])[1]


def test_a_compression_of_a_network_that_learned_nothing_is_no_success() -> None:
    models = {role: {"accuracy": 0.1, "per_seed": [{"seed": 0, "accuracy": 0.1}]} for role in ("original", "compressed")}
    result = {"models": models, "images": IMAGES, "verdict": found("yes", 0.0, 0.0, 0.0)}
    (answer,) = verdicts("compress", result, {"dataset": {"name": "digits"}, "train": {"lr": 2.0}})
    assert answer.word == "The original did not learn"
    assert answer.sentence.startswith("Its test accuracy of 10.0 % is no better than guessing, which is right 1 time in 10:")


def test_a_peer_that_learned_along_is_not_called_a_teacher() -> None:
    models = {role: {"accuracy": accuracy} for role, accuracy in ACCURACIES.items()}
    given = {"verdict": found("yes", 0.034, 0.01, 0.05), "teacher_verdict": found("no", -0.027, -0.04, -0.01, tolerance=0.01)}
    told = read("distill", {**given, "models": models}, {"scheme": {"name": "mutual"}})
    assert [question for question, *_rest in told] == ["Does the peer help?", "Is the student within 1 point of its peer?"]
    assert told[0][2].startswith("Test accuracy 96.7 % with the peer, 93.3 % without")
    assert "against the peer's 99.4 %" in told[1][2]


def test_the_teachers_of_an_ensemble_are_the_same_for_all_seeds() -> None:
    models = {role: {"accuracy": accuracy} for role, accuracy in ACCURACIES.items()}
    models["teacher"]["members"] = 3
    against = found("no", -0.027, -0.04, -0.01, tolerance=0.01) | {"fixed": "teacher"}
    given = {"verdict": found("yes", 0.034, 0.01, 0.05), "teacher_verdict": against, "models": models, "images": IMAGES}
    _help, distance = verdicts("distill", given, {"scheme": {"name": "ensemble"}})
    assert distance.question == "Is the student within 1 point of its ensemble?"
    assert distance.remark.startswith("The same 3 teachers for all seeds")
