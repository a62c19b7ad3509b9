"""The command line as people and scripts meet it: exit codes, one line of reason, JSON on stdout."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compression import cli
from compression.cards import cards
from compression.runs import launch
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, QUEUED, RUNNING, Run
from compression.runs.store import Store
from compression.runs.worker import Worker
from compression.spec import parse

TINY = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 200},
    "teacher": {"name": "mlp", "hidden": [16]},
    "student": {"name": "mlp", "hidden": [4]},
    "train": {"epochs": 2},
    "teacher_train": {"epochs": 1},
    "seeds": [0, 1],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


@pytest.fixture
def supervised(home: Path) -> Iterator[None]:
    """Hold the supervisor's lock, so that no command starts one that these tests have no use for."""
    with launch.supervisor_lock():
        yield


def spec_file(raw: Any = None, **changes: Any) -> str:
    Path("spec.json").write_text(raw if isinstance(raw, str) else json.dumps({**(raw or TINY), **changes}))
    return "spec.json"


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """Return the one line with which a request is refused."""
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err.strip()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}


def impatient_supervisor() -> subprocess.Popen:
    """Start a supervisor that starts no runs of the lab, but knows within seconds that a process is gone."""
    return subprocess.Popen([sys.executable, "-m", "tests.runs.serve", "counting", "1", "LEASE_S=3"], env=environment())


def start(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "compression", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (
            '{"kind": "distill", "loss": {"name": "kd", "temperature": 0}}',
            "loss.temperature: 0 is not allowed; allowed is a number from",
        ),
        ('{"kind": "distill", "loss": {"name": "kdd"}}', "did you mean kd?"),
        ('{"kind": "distill", "colour": 1}', "colour: 1 is not allowed"),
        ('{"kind": "distill", "seeds": "all"}', "seeds: 'all' is not allowed"),
        ('{"kind": "distill", "train": {"lr": NaN}}', "NaN"),
        ('{"kind": "distill", "train": {"lr": -Infinity}}', "-Infinity"),
        ('{"kind": "distill", "train": {"lr": 1e999}}', "train.lr: inf is not allowed"),
        ('{"kind": "distill", "train": {"epochs": 1' + "0" * 400 + "}}", "train.epochs: 1000"),
        ('{"kind": "distill", "train": {"epochs": 1' + "0" * 5000 + "}}", "is not JSON"),
        ('{"kind": "distill", "teacher": {"run": "../../etc/passwd"}}', "teacher.run: '../../etc/passwd' is not allowed"),
        ('{"kind": "distill", "teacher": {"run": "abcdef1234"}}', "Run abcdef1234 has no file of its student of seed 0"),
        ('{"kind": "distil"}', "kind: 'distil' is not allowed"),
        ("[]", "spec: [] is not allowed"),
        ('{"kind": "distill",', "spec.json is not JSON"),
        ("[" * 100_000, "spec.json is not JSON"),
        ("", "spec.json is not JSON"),
    ],
)
def test_a_bad_spec_is_refused_in_one_line(capsys: pytest.CaptureFixture, store: Store, raw: str, line: str) -> None:
    assert line in refused(capsys, "run", spec_file(raw))
    assert store.runs() == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "arguments are required"),
        (["dance"], "invalid choice: 'dance'"),
        (["run"], "one of the arguments SPEC.json --card is required"),
        (["run", "absent.json"], "absent.json cannot be read: No such file"),
        (["run", "."], ". cannot be read: Is a directory"),
        (["run", "--card", "no-such-card"], "no-such-card"),
        (["run", "--card", "../../etc/passwd"], "../../etc/passwd"),
        (["run", "spec.json", "--device", "tpu"], "device: 'tpu' is not allowed"),
        (["run", "spec.json", "--device", "cuda:99"], "no device cuda:99"),
        (["run", "spec.json", "--set", "loss.temperature=0"], "loss.temperature: 0 is not allowed"),
        (["run", "spec.json", "--set", "steps.9.sparsity=1"], "steps.9.sparsity"),
        (["run", "spec.json", "--set", "temperature"], "temperature"),
        (["run", "spec.json", "--reus"], "unrecognized arguments: --reus"),
        (["runs"], "arguments are required"),
        (["runs", "show", "0123456789"], "There is no run '0123456789'"),
        (["runs", "show", "/etc/passwd"], "There is no run '/etc/passwd'"),
        (["runs", "resume", "../x"], "There is no run '../x'"),
        (["runs", "cancel", "nope"], "There is no run 'nope'"),
        (["runs", "delete", "."], "There is no run '.'"),
        (["runs", "delete", "a\nb"], "There is no run"),
        (["runs", "delete"], "arguments are required: ID"),
        (["runs", "list", "--state", "happy"], "invalid choice: 'happy'"),
        (["runs", "list", "--limit", "0"], "'0' is no whole number of at least 1"),
        (["runs", "tidy", "--older-than", "-1"], "'-1' is no number of days"),
        (["runs", "tidy", "--older-than", "nan"], "'nan' is no number of days"),
    ],
)
def test_a_bad_request_is_refused_in_one_line(capsys: pytest.CaptureFixture, arguments: list[str], line: str) -> None:
    spec_file()
    assert line in refused(capsys, *arguments)


@pytest.mark.parametrize(("name", "value"), [("LAB_THREADS", "abc"), ("LAB_GPU_SLOTS", "0"), ("LAB_DATA", ""), ("LAB_HOME", " ")])
def test_a_setting_that_makes_no_sense_is_told_before_running(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, store: Store, name: str, value: str
) -> None:
    path = spec_file()
    monkeypatch.setenv(name, value)
    assert refused(capsys, "run", path, "--device", "cpu").startswith(f"{name} is set")
    assert store.runs() == []


def test_an_empty_home_is_refused_everywhere(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", "")
    assert refused(capsys, "runs", "list").startswith("LAB_HOME is set, but empty")


def test_bytes_that_are_no_text_are_refused(capsys: pytest.CaptureFixture) -> None:
    Path("spec.json").write_bytes(b"\xff\xfe\x00{")
    assert "spec.json is not JSON" in refused(capsys, "run", "spec.json")


@pytest.mark.parametrize("arguments", [("runs", "list"), ("runs", "show", "abcdef"), ("run", "spec.json")])
def test_a_home_that_cannot_be_made_is_a_sentence(capsys: pytest.CaptureFixture, home: Path, arguments: tuple[str, ...]) -> None:
    spec_file()
    home.write_text("a file where a folder should be")
    assert str(home) in refused(capsys, *arguments)
    assert home.read_text() == "a file where a folder should be"


def test_a_home_that_may_not_be_made_is_a_sentence(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    def refuse(path: Path, *_arguments: Any, **_options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    reason = refused(capsys, "runs", "list")
    assert "Permission denied" in reason
    assert str(home) in reason


def test_a_folder_of_runs_that_cannot_be_written_fails_the_run_in_a_sentence(
    capsys: pytest.CaptureFixture, store: Store, home: Path
) -> None:
    (home / "runs").write_text("a file where a folder should be")
    assert cli.main(["run", spec_file(), "--device", "cpu"]) == 1
    out, err = capsys.readouterr()
    run = store.runs()[0]
    assert (out, run.state) == ("", FAILED)
    assert err.strip().splitlines()[-1] == run.error
    assert run.error.startswith(f"A file is where the lab needs the folder {home / 'runs' / run.id}:")
    assert "Traceback" not in err


def test_a_broken_store_is_a_sentence(capsys: pytest.CaptureFixture, home: Path) -> None:
    home.mkdir()
    (home / "lab.db").write_bytes(b"nothing that SQLite knows, at some length " * 50)
    assert "The store cannot be opened" in refused(capsys, "runs", "list")


def test_a_bug_is_a_sentence_and_its_traceback_lies_in_a_log(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr("compression.commands.runs.look_after", lambda request: 1 / 0)
    assert cli.main(["runs", "list"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), "ZeroDivisionError" in err) == ("", 1, True)
    assert "Traceback" in (home / "errors.log").read_text()


def test_a_run_prints_its_result_as_one_json_object(capsys: pytest.CaptureFixture, store: Store) -> None:
    assert cli.main(["run", spec_file(), "--device", "cpu", "--set", "loss.temperature=8", "--set", "seeds=[3]"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert out.count("\n") == 1
    assert (result["state"], result["device"], result["spec"]["seeds"]) == ("finished", "cpu", [3])
    assert result["spec"]["loss"]["temperature"] == 8
    assert set(result["models"]) == {"teacher", "baseline", "student"}
    assert result["verdict"]["seeds"] == 1
    run = store.run(result["run"])
    assert (run.state, run.owner, run.seconds) == (FINISHED, "command line", pytest.approx(result["seconds"], abs=0.01))
    assert run.hash == parse(result["spec"]).hash
    assert "seed 1 of 1" in err
    assert store.events(run.id)[-1].type == "finished"
    _same_again_and_reused(capsys, store, result)
    _refused_on_other_data(capsys, store, result["run"])


def _refused_on_other_data(capsys: pytest.CaptureFixture, store: Store, run: str) -> None:
    before, teacher = len(store.runs()), {"run": run, "role": "student", "seed": 3}
    reason = refused(capsys, "run", spec_file(teacher=teacher, dataset={"name": "mnist"}))
    assert "was made for digits, and does not fit mnist" in reason
    reason = refused(capsys, "run", spec_file(teacher=teacher, dataset={"name": "digits", "split_seed": 5}))
    assert "set dataset.split_seed to 0" in reason
    assert len(store.runs()) == before


def _same_again_and_reused(capsys: pytest.CaptureFixture, store: Store, first: dict[str, Any]) -> None:
    assert cli.main(["run", spec_file(first["spec"]), "--reuse"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert len(store.runs()) == 1
    assert cli.main(["run", spec_file(first["spec"])]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["run"] != first["run"]
    for role, model in second["models"].items():
        assert model["per_seed"] == first["models"][role]["per_seed"]


def test_a_run_is_stopped_at_its_time_limit_and_says_so(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(Worker, "_worked_s", 61.0)
    assert cli.main(["run", spec_file(train={"epochs": 300}, seeds=list(range(20))), "--device", "cpu", "--time-limit", "1"]) == 1
    out, err = capsys.readouterr()
    run = store.runs()[0]
    assert (out, run.state, run.time_limit_s) == ("", FAILED, 60)
    assert err.strip().splitlines()[-1] == run.error
    assert run.error.startswith("The run passed the time limit of 1 min")


@pytest.mark.parametrize("minutes", ["0", "-1", "inf", "nan", "soon"])
def test_a_time_limit_is_a_number_of_minutes(capsys: pytest.CaptureFixture, store: Store, minutes: str) -> None:
    assert f"'{minutes}' is no number of minutes above 0" in refused(capsys, "run", spec_file(), f"--time-limit={minutes}")
    assert store.runs() == []


def test_a_limit_of_the_settings_is_not_passed_by_asking_for_more(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setenv("LAB_RUN_TIME_LIMIT_SECONDS", "30")
    monkeypatch.setattr("compression.commands.foreground.work", lambda run_id, token: (0, None))
    assert cli.main(["run", spec_file(), "--device", "cpu", "--time-limit", "2"]) == 0
    assert store.runs()[0].time_limit_s == 30


def test_a_time_limit_holds_for_each_run_of_a_sweep(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, store: Store, supervised: None
) -> None:
    monkeypatch.setattr("compression.commands.sweeping.follow", lambda sweep_id: (0, None))
    request = {"kind": "sweep", "base": TINY, "over": {"loss.temperature": [1, 4]}}
    assert cli.main(["run", spec_file(request), "--time-limit", "0.5"]) == 0
    assert [run.time_limit_s for run in store.runs()] == [30, 30]


def test_a_failure_while_running_exits_1_with_its_reason(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setenv("LAB_DATA", "/proc/nowhere")
    assert cli.main(["run", spec_file(dataset={"name": "mnist"}), "--device", "cpu"]) == 1
    out, err = capsys.readouterr()
    run = store.runs()[0]
    assert (out, run.state) == ("", FAILED)
    assert err.strip().splitlines()[-1] == run.error
    assert "Traceback" not in err


def _wait(condition: Any, patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _metrics(store: Store) -> list[Any]:
    return [event for run in store.runs() for event in store.events(run.id) if event.type == "metric"]


def test_ctrl_c_cancels_and_the_run_resumes_to_the_same_numbers(capsys: pytest.CaptureFixture, store: Store) -> None:
    path = spec_file(train={"epochs": 60})
    process = start("run", path, "--device", "cpu")
    _wait(lambda: len(_metrics(store)) > 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    run = store.runs()[0]
    assert run.state == CANCELLED
    assert err.strip().splitlines()[-1].startswith(f"Run {run.id} was cancelled")
    assert "Traceback" not in err
    assert cli.main(["runs", "resume", run.id]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert cli.main(["run", path, "--device", "cpu"]) == 0
    undisturbed = json.loads(capsys.readouterr().out)
    for role, model in undisturbed["models"].items():
        assert resumed["models"][role]["per_seed"] == model["per_seed"]


def test_a_killed_run_is_interrupted_and_resumes_to_the_same_numbers(
    capsys: pytest.CaptureFixture, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "start_supervisor", impatient_supervisor)
    path = spec_file(train={"epochs": 60})
    process = start("run", path, "--device", "cpu")
    _wait(lambda: len(_metrics(store)) > 70)
    process.kill()
    process.communicate()
    run = store.runs()[0]
    assert run.state == RUNNING
    assert cli.main(["runs", "list"]) == 0  # whoever looks makes sure that someone notices
    assert run.id in capsys.readouterr().out
    _wait(lambda: store.run(run.id).state == INTERRUPTED, patience_s=40)
    assert cli.main(["runs", "resume", run.id]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert cli.main(["run", path, "--device", "cpu"]) == 0
    undisturbed = json.loads(capsys.readouterr().out)
    for role, model in undisturbed["models"].items():
        assert resumed["models"][role]["per_seed"] == model["per_seed"]


def _occupy(store: Store) -> str:
    spec = parse(TINY)
    run_id = store.submit(spec.to_json(), spec.hash, "distill", owner="ada")
    assert store.claim("page", {"cpu": 1}).id == run_id
    return run_id


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Let something happen once a command said that it waits: then it makes sure that a supervisor is alive."""
    events = [happens]
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: events and events.pop()())


def test_a_run_waits_until_the_cpu_is_free_and_says_so(
    capsys: pytest.CaptureFixture, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "1")
    other, waiting = _occupy(store), []

    def other_ends() -> None:
        waiting.extend(run for run in store.runs() if run.id != other)
        assert capsys.readouterr().err.endswith(
            f"Run {waiting[0].id} waits for its turn on cpu, which others use now; Ctrl-C cancels it.\n"
        )
        store.finish(other, "page", FINISHED, result={})

    _meanwhile(monkeypatch, other_ends)
    assert cli.main(["run", spec_file(), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert [(run.id, run.state) for run in waiting] == [(json.loads(out)["run"], QUEUED)]
    assert "waits" not in err


@pytest.mark.parametrize("how", ["ctrl-c", "page"])
def test_a_run_that_waits_is_cancelled(
    capsys: pytest.CaptureFixture, store: Store, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("LAB_CPU_SLOTS", "1")
    other = _occupy(store)

    def own() -> Run:
        return next(run for run in store.runs() if run.id != other)

    _meanwhile(monkeypatch, lambda: signal.raise_signal(signal.SIGINT) if how == "ctrl-c" else store.cancel(own().id))
    assert cli.main(["run", spec_file(), "--device", "cpu"]) == 130
    assert capsys.readouterr().out == ""
    assert own().state == CANCELLED
    assert [event.type for event in store.events(own().id)] == ["cancelled"]


def test_cancelling_from_another_terminal(capsys: pytest.CaptureFixture, store: Store, supervised: None) -> None:
    said = []

    def another_terminal() -> None:
        _wait(lambda: len(_metrics(store)) > 1)
        for _twice in range(2):
            said.append(start("runs", "cancel", store.runs()[0].id).communicate(timeout=60))

    other = threading.Thread(target=another_terminal)
    other.start()
    assert cli.main(["run", spec_file(train={"epochs": 300}), "--device", "cpu"]) == 130
    other.join()
    run = store.runs()[0]
    assert run.state == CANCELLED
    assert capsys.readouterr().out == ""
    assert {out.split()[0] for out, _err in said} == {run.id}


def test_runs_are_listed_shown_cancelled_and_deleted(capsys: pytest.CaptureFixture, store: Store, home: Path) -> None:
    assert cli.main(["runs", "list"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    spec = parse(TINY)
    run_id = store.submit(spec.to_json(), spec.hash, "distill", owner="ada", title="mine")
    assert cli.main(["runs", "list"]) == 0
    assert run_id in capsys.readouterr().out
    assert cli.main(["runs", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(run["id"], run["state"], run["owner"], run["title"]) for run in listed] == [(run_id, QUEUED, "ada", "mine")]
    assert cli.main(["runs", "show", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spec"] == spec.to_json()
    assert cli.main(["runs", "show", run_id]) == 0
    assert "digits" in capsys.readouterr().out
    assert cli.main(["runs", "cancel", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == CANCELLED
    (home / "runs" / run_id).mkdir(parents=True)
    assert cli.main(["runs", "delete", run_id]) == 0
    assert not (home / "runs" / run_id).exists()
    assert store.runs() == []


def test_help_lists_the_cards(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert cards()
    for name, card in cards().items():
        assert f"{name} " in shown
        assert card.title in shown


def _stored(store: Store, owner: str = "ada", kind: str = "distill") -> str:
    spec = parse({"kind": kind})
    return store.submit(spec.to_json(), spec.hash, kind, owner=owner)


def test_the_list_is_filtered_and_says_what_it_leaves_out(capsys: pytest.CaptureFixture, store: Store) -> None:
    first, second, third = _stored(store), _stored(store, "grace"), _stored(store, kind="compress")
    store.cancel(first)

    def listed(*filters: str) -> list[str]:
        assert cli.main(["runs", "list", "--json", *filters]) == 0
        return [run["id"] for run in json.loads(capsys.readouterr().out)]

    assert listed() == [third, second, first]
    assert listed("--state", "cancelled") == [first]
    assert listed("--state", "cancelled", "--state", "queued") == [third, second, first]
    assert listed("--kind", "compress") == [third]
    assert listed("--owner", "ada") == [third, first]
    assert cli.main(["runs", "list", "--limit", "1", "--owner", "ada"]) == 0
    out, err = capsys.readouterr()
    assert (out.split()[0], err) == (third, "1 older runs are left out.\n")
    assert cli.main(["runs", "list", "--owner", "nobody"]) == 0
    assert capsys.readouterr() == ("No run is like that.\n", "")


def test_several_runs_are_deleted_and_those_that_cannot_be_are_told(capsys: pytest.CaptureFixture, store: Store) -> None:
    first, second = _stored(store), _stored(store)
    store.claim("t", {"cpu": 1})
    assert cli.main(["runs", "delete", first, "nosuchrun", second]) == 2
    out, err = capsys.readouterr()
    assert out == f"{second} deleted\n"
    assert err.startswith(f"Run {first} is running; cancel it before deleting it. There is no run 'nosuchrun'")
    assert [run.id for run in store.runs()] == [first]


def test_cancelling_what_has_ended_says_so(capsys: pytest.CaptureFixture, store: Store) -> None:
    run_id = _stored(store)
    store.claim("t", {"cpu": 1})
    store.finish(run_id, "t", FINISHED, result={})
    assert cli.main(["runs", "cancel", run_id]) == 0
    out, err = capsys.readouterr()
    assert out == f"{run_id}  finished\n"
    assert err == f"Run {run_id} is finished already: there was nothing to cancel.\n"


def test_tidying_says_how_much_first(capsys: pytest.CaptureFixture, store: Store, home: Path) -> None:
    run_id = _stored(store)
    store.claim("t", {"cpu": 1})
    store.finish(run_id, "t", FINISHED, result={})
    network = home / "runs" / run_id / "student-seed0.safetensors"
    network.parent.mkdir(parents=True)
    network.write_bytes(bytes(2_000))
    assert cli.main(["runs", "tidy"]) == 0
    assert "0 bytes can be freed of what is older than 30 days" in capsys.readouterr().out
    assert cli.main(["runs", "tidy", "--older-than", "0"]) == 0
    assert "2.00 KB can be freed" in capsys.readouterr().out
    assert network.exists()
    assert cli.main(["runs", "tidy", "--older-than", "0", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["freed"], told["bytes"], told["parts"]["finished"]) == (True, 2_000, {"count": 1, "bytes": 2_000})
    assert not network.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_is_never_empty_while_the_lab_is_loaded() -> None:
    import pty

    told, wiped = "Starting …", "\r\x1b[K"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "compression", "methods"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment())
    os.close(theirs)
    # No more than that: a busy machine may let this process look only when the text is wiped out already.
    assert os.read(ours, len(told.encode())).decode() == told
    assert process.communicate(timeout=120)[0]
    assert os.read(ours, 100).decode() == wiped
    os.close(ours)


def test_the_methods_are_listed_with_their_settings(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["methods", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: bool(entries) for name, entries in found.items()} == dict.fromkeys(
        ["datasets", "models", "losses", "schemes", "pruning", "quantization", "steps", "targets"], True
    )
    kd = next(entry for entry in found["losses"] if entry["name"] == "kd")
    assert kd["settings"]["temperature"]["default"] == 4.0
    assert kd["settings"]["temperature"]["low"] == 0.5
    assert "Hinton" in kd["source"]
    assert cli.main(["methods"]) == 0
    assert "temperature" in capsys.readouterr().out


def test_a_spec_comes_from_stdin(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"kind": "distill", "seeds": []}'))
    assert "seeds: [] is not allowed" in refused(capsys, "run", "-")


def test_a_sweep_runs_what_has_not_finished_before_and_says_which_is_best(
    capsys: pytest.CaptureFixture, store: Store, supervised: None
) -> None:
    for temperature in (1, 4):
        assert cli.main(["run", spec_file(loss={"name": "kd", "temperature": temperature})]) == 0
    capsys.readouterr()
    request = {"kind": "sweep", "base": TINY, "over": {"loss.temperature": [1, 4]}}
    assert cli.main(["run", spec_file(request)]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [cell["at"]["loss.temperature"] for cell in told["cells"]] == [1, 4]
    assert {cell["state"] for cell in told["cells"]} == {FINISHED}
    assert told["best"]["finished"] == 2
    assert "temperature 4: finished" in err
    assert len(store.runs()) == 2
    assert cli.main(["runs", "show", told["sweep"]]) == 0
    assert json.loads(capsys.readouterr().out) == told
    assert cli.main(["runs", "sweeps", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["finished"], listed["cells"]) == (told["sweep"], 2, 2)
    assert cli.main(["runs", "sweeps"]) == 0
    assert "2 of 2 finished" in capsys.readouterr().out
    assert cli.main(["runs", "delete", told["sweep"]]) == 0
    assert f"{told['sweep']} deleted with 0 runs" in capsys.readouterr().out
    assert (store.sweeps(), len(store.runs())) == ([], 2)
    assert cli.main(["run", spec_file(request), "--set", "loss.temperature=1"]) == 0
    assert cli.main(["run", spec_file({**request, "over": {}})]) == 2
