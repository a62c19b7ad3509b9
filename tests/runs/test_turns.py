"""Whose turn it is, worked by hand."""

from hypothesis import given, settings
from hypothesis import strategies as hypothesis

from compression.runs.turns import Place, forecast, next_turn

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


def asked(run_id: str, owner: str, created: float, expected_s: float | None = None, **more: int) -> Place:
    return Place(run_id, owner, "auto", created, expected_s, **more)


def test_short_goes_before_long_until_the_long_has_waited_for_the_difference() -> None:
    long = asked("long", "ada", 0, 100)
    assert next_turn([long, asked("short", "grace", 90, 5)], [], {}, CPU) == ("short", "cpu")
    assert next_turn([long, asked("short", "grace", 96, 5)], [], {}, CPU) == ("long", "cpu")


def test_the_wait_of_a_person_begins_anew_with_each_start() -> None:
    waiting = [asked("second", "ada", 0, 10), asked("first", "grace", 5, 20)]
    assert next_turn(waiting, [], {"ada": 16.0}, CPU) == ("first", "cpu")


def test_what_the_lecturer_moved_to_the_front_goes_first() -> None:
    waiting = [asked("a", "ada", 0, 1), asked("g", "grace", 9, 500, priority=1)]
    assert next_turn(waiting, [asked("g0", "grace", 0)._replace(device="cpu")], {}, {"cpu": 2}) == ("g", "cpu")


def test_small_runs_share_the_cores_and_a_large_one_waits_for_all_that_it_needs() -> None:
    running = [asked("r", "bob", 0)._replace(device="cpu")]
    large, small = asked("large", "ada", 1, 1, cores=4), asked("small", "grace", 2, 50)
    assert next_turn([small], running, {}, {"cpu": 4}) == ("small", "cpu")
    assert next_turn([large, small], running, {}, {"cpu": 4}) is None
    assert next_turn([large, small], [], {}, {"cpu": 4}) == ("large", "cpu")
    assert next_turn([asked("huge", "ada", 1, cores=9)], [], {}, {"cpu": 2}) == ("huge", "cpu")


def test_a_forecast_by_hand() -> None:
    running = [asked("now", "bob", 0, 4)._replace(device="cpu")]
    waiting = [asked("b", "grace", 2, 10), asked("a", "ada", 1, 10), asked("c", "ada", 1, 3)]
    assert forecast(waiting, running, {}, CPU, now=5) == {"c": (1, 4.0), "b": (2, 7.0), "a": (3, 17.0)}
    assert forecast(waiting, running, {}, {"cpu": 2}, now=5) == {"c": (1, 0.0), "b": (2, 3.0), "a": (3, 4.0)}


runs = hypothesis.tuples(
    hypothesis.sampled_from("abcd"), hypothesis.floats(0, 100), hypothesis.floats(0.1, 300), hypothesis.integers(1, 3)
)


@settings(deadline=None)
@given(hypothesis.lists(runs, max_size=12), hypothesis.integers(1, 4))
def test_every_run_is_given_a_start_and_the_slots_are_never_overfilled(given_runs: list[tuple], cores: int) -> None:
    waiting = [asked(str(index), *given_run[:3], cores=given_run[3]) for index, given_run in enumerate(given_runs)]
    found = forecast(waiting, [], {}, {"cpu": cores}, now=100)
    assert sorted(starts.place for starts in found.values()) == list(range(1, len(waiting) + 1))
    spans = [(found[run.id].starts_in_s, found[run.id].starts_in_s + run.seconds, min(run.cores, cores)) for run in waiting]
    for at, *_rest in spans:
        assert sum(taken for begins, ends, taken in spans if begins <= at < ends) <= cores


@settings(deadline=None)
@given(hypothesis.lists(runs, min_size=1, max_size=8), hypothesis.floats(0.1, 20), hypothesis.data())
def test_nobody_starves_among_short_runs(given_runs: list[tuple], short_s: float, data: hypothesis.DataObject) -> None:
    """A person whose only run waits is overtaken by nothing asked for after its wait began plus its length."""
    mine = asked("mine", "zoe", 0, data.draw(hypothesis.floats(1, 400)))
    queued = [asked(str(index), *given_run[:3]) for index, given_run in enumerate(given_runs)]
    served: dict[str, float] = {}
    now, count = 100.0, 0
    while True:
        count += 1
        queued.append(asked(f"new {count}", f"person {count}", now, short_s))  # somebody new, with a short run, each time
        run_id, _device = next_turn([mine, *queued], [], served, CPU)
        if run_id == "mine":
            return
        started = next(run for run in queued if run.id == run_id)
        queued.remove(started)
        served[started.owner] = now
        assert not (run_id.startswith("new") and started.created > mine.created + mine.seconds)
        now += started.seconds
