"""Several machines that share one store, each with a supervisor of its own."""

from collections.abc import Callable

import pytest

from compression import settings
from compression.runs import heartbeat
from compression.runs.leases import ELSEWHERE_S, LEASE_S, Leases
from compression.runs.records import FAILED, RUNNING, Standing
from compression.runs.rows import DEVICES_OF
from compression.runs.store import Store
from compression.runs.worker import Worker
from tests.runs.conftest import submit

CPU, GPU = {"cpu": 1}, {"cpu": 1, "cuda:0": 2}
On = Callable[[str], None]


@pytest.fixture
def on(store: Store, monkeypatch: pytest.MonkeyPatch) -> On:
    """Return a function that makes this process one of the machines that share the store."""
    monkeypatch.setattr(settings, "shares_store", lambda: True)
    for machine, devices in (("laptop", CPU), ("tower", GPU)):
        store.set_room_setting(f"{DEVICES_OF}{machine}", list(devices))
    return lambda machine: monkeypatch.setenv("LAB_MACHINE", machine)


def test_a_machine_takes_only_what_it_can_compute(store: Store, on: On) -> None:
    wanted = submit(store, device="cuda:0")
    on("laptop")
    assert not store.has_turn(CPU)
    assert store.claim("a", CPU) is None
    on("tower")
    run = store.claim("b", GPU)
    assert (run.id, run.device, run.host) == (wanted, "cuda:0", "tower")


def test_what_no_machine_has_is_told_by_the_run(store: Store, on: On) -> None:
    wanted = submit(store, device="cuda:9")
    on("laptop")
    run = store.claim("a", CPU)
    assert run.id == wanted
    assert Worker(store, run, "a").work() == FAILED
    assert store.run(wanted).error.startswith("This machine has no device cuda:9")


def test_each_machine_has_slots_of_its_own(store: Store, on: On) -> None:
    first, second, third = (submit(store, device="cpu") for _index in range(3))
    on("laptop")
    assert store.claim("a", CPU).id == first
    assert store.claim("b", CPU) is None
    on("tower")
    assert store.claim("c", GPU).id == second
    assert store.claim("d", GPU) is None
    assert [run.id for run in store.runs(states=[RUNNING])] == [second, first]
    on("laptop")
    store.finish(first, "a", FAILED)
    assert store.claim("e", CPU).id == third


def test_runs_of_another_machine_count_for_their_owner(store: Store, on: On) -> None:
    on("tower")
    submit(store, owner="ada", device="cpu")
    store.claim("a", GPU)
    submit(store, owner="ada")
    later = submit(store, owner="grace")
    on("laptop")
    assert store.claim("b", CPU).id == later


def test_the_machine_of_a_lease_stands_with_it(store: Store, on: On) -> None:
    on("tower")
    submit(store)
    run = store.claim("a", CPU)
    assert [(standing.run, standing.host) for standing in store.standings()] == [(run.id, "tower")]


def test_runs_elsewhere_are_given_time(on: On) -> None:
    now = 0.0

    class Shared:
        def standings(self) -> list[Standing]:
            return [Standing("here", "t", 0.0, "laptop"), Standing("there", "t", 0.0, "tower"), Standing("old", "t", 0.0)]

        def probe(self) -> None:
            pass

    leases, first = Leases(Shared(), machine="laptop", clock=lambda: now), {}
    while now < ELSEWHERE_S + 10:
        now += 1.0
        for standing in leases.look()[1]:
            first.setdefault(standing.run, now)
    assert first["here"] == first["old"] == pytest.approx(LEASE_S, abs=3)
    assert first["there"] == pytest.approx(ELSEWHERE_S, abs=3)


def test_each_machine_has_a_supervisor_of_its_own(on: On) -> None:
    on("laptop")
    here = heartbeat.place("lock")
    on("tower")
    assert heartbeat.place("lock") != here


def test_one_machine_has_one_supervisor_whatever_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for name in ("laptop", "laptop.home"):
        monkeypatch.setenv("LAB_MACHINE", name)
        names.add(heartbeat.place("lock").name)
    assert (names == {"supervisor.lock"}) == (not settings.shares_store())
