"""Whose turn it is, worked by hand."""

from compression.runs.turns import Place, next_turn

CPU, TWO_GPUS = {"cpu": 1}, {"cpu": 1, "cuda:0": 2, "cuda:1": 2}


def queue(*places: tuple[str, str, str, float]) -> list[Place]:
    return [Place(*place) for place in places]


def test_nobody_waits_and_nothing_is_free() -> None:
    assert next_turn([], [], {}, CPU) is None
    busy = queue(("r", "ada", "cpu", 0))
    assert next_turn(queue(("a", "ada", "auto", 1)), busy, {}, CPU) is None


def test_one_person_is_served_in_order() -> None:
    assert next_turn(queue(("b", "ada", "auto", 2), ("a", "ada", "auto", 1)), [], {}, CPU) == ("a", "cpu")


def test_a_second_person_does_not_wait_for_all_runs_of_the_first() -> None:
    waiting = queue(("a2", "ada", "auto", 1), ("a3", "ada", "auto", 2), ("g1", "grace", "auto", 3))
    assert next_turn(waiting, [], {"ada": 50.0}, CPU) == ("g1", "cpu")
    assert next_turn(waiting, [], {"ada": 50.0, "grace": 60.0}, CPU) == ("a2", "cpu")


def test_whoever_has_fewer_runs_at_work_goes_first() -> None:
    waiting = queue(("a2", "ada", "auto", 1), ("g2", "grace", "auto", 2))
    running = queue(("a1", "ada", "cuda:0", 0))
    assert next_turn(waiting, running, {"ada": 1.0, "grace": 9.0}, TWO_GPUS) == ("g2", "cuda:1")


def test_a_full_device_holds_up_only_those_who_asked_for_it() -> None:
    running = queue(("r", "bob", "cpu", 0))
    waiting = queue(("a", "ada", "cpu", 1), ("g", "grace", "cuda:1", 2))
    assert next_turn(waiting, running, {}, TWO_GPUS) == ("g", "cuda:1")


def test_auto_takes_the_least_loaded_accelerator_and_never_the_cpu_beside_one() -> None:
    running = queue(("1", "x", "cuda:0", 0), ("2", "y", "cuda:0", 0), ("3", "z", "cuda:1", 0))
    assert next_turn(queue(("a", "ada", "auto", 1)), running, {}, TWO_GPUS) == ("a", "cuda:1")
    running += queue(("4", "z", "cuda:1", 0))
    assert next_turn(queue(("a", "ada", "auto", 1)), running, {}, TWO_GPUS) is None


def test_an_unknown_device_is_given_to_a_worker_that_says_so() -> None:
    assert next_turn(queue(("a", "ada", "cuda:7", 1)), [], {}, CPU) == ("a", "cuda:7")
