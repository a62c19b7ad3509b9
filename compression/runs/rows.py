"""What happens to the store's rows within one transaction; the store decides when, these say how."""

import json
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from compression import settings
from compression.errors import LimitError, NotFoundError, NotYoursError
from compression.runs import records
from compression.runs.records import CANCELLED, FINISHED, INTERRUPTED, QUEUED, RUNNING, Lease, Standing
from compression.runs.schema import EVENTS, ROOM, RUNS
from compression.runs.turns import Forecast, Place, forecast, next_turn
from compression.texts import gettext as _

SAFE_ID = re.compile(r"[0-9a-z]{4,40}")
PROGRESS_FIELDS = ("role", "seed", "epoch", "epochs")
PAUSED, TIME_LIMIT = "queue paused", "time limit"  # settings of the room
DEVICES_OF = "devices of "  # and the machine's name: a setting of the room, of machines that share a store
AT_REST = {"token": None, "lease_until": None, "cancel": 0, "seconds_left": None}

Row = Mapping[str, Any]
Events = Sequence[Mapping[str, Any]]


def row_of(connection: Connection, run_id: str, owner: str | None = None) -> Row:
    """Return a run's row.

    Raises:
        NotFoundError: there is none of that id.
        NotYoursError: an owner is given and the run is someone else's.
    """
    row = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).mappings().first()
    if row is None:
        raise NotFoundError(_("There is no run {id!r}; `runs list` shows the ids.").format(id=run_id[:80]))
    if owner is not None and row["owner"] != owner:
        raise NotYoursError(_("Run {id} belongs to someone else.").format(id=run_id))
    return row


def remove(connection: Connection, run_id: str) -> None:
    """Remove a run's row and its events."""
    connection.execute(delete(EVENTS).where(EVENTS.c.run == run_id))
    connection.execute(delete(RUNS).where(RUNS.c.id == run_id))


def remove_folder(run_id: str) -> None:
    """Remove a run's files; an id that no folder of the lab has removes nothing."""
    if SAFE_ID.fullmatch(run_id):
        shutil.rmtree(settings.runs_folder() / run_id, ignore_errors=True)


def check_limit(connection: Connection, owner: str) -> None:
    """Make sure that someone may ask for one more run, or sweep: the runs of a sweep count as one, since they wait by turns.

    Raises:
        LimitError: the owner already has as many waiting or at work as one person may have.
    """
    mine = and_(RUNS.c.owner == owner, RUNS.c.state.in_(records.ACTIVE))
    limit = settings.runs_per_person()
    asked_for = func.count(func.distinct(func.coalesce(RUNS.c.sweep, RUNS.c.id)))
    if connection.scalar(select(asked_for).where(mine)) >= limit:
        message = _("You already have {limit} runs waiting or running; wait for one to end or cancel one.")
        raise LimitError(message.format(limit=limit))


def held(run_id: str, token: str) -> ColumnElement[bool]:
    """Return the condition that a run is at work under a token."""
    return and_(RUNS.c.id == run_id, RUNS.c.token == token, RUNS.c.state == RUNNING)


def working(device: str, token: str) -> dict[str, Any]:
    """Return the columns of a run that starts to work now."""
    now = time.time()
    place = {"device": device, "host": settings.machine()}
    return {"state": RUNNING, **place, "token": token, "started": now, "lease_until": now}


def waiting(token: str) -> dict[str, Any]:
    """Return the columns of a run whose holder waits to work on it itself."""
    return {"state": QUEUED, "token": token, "lease_until": time.time(), "host": settings.machine()}


def lease_of(connection: Connection, row: Row) -> Lease:
    """Return what the holder of a run hears: whether to cancel, and the shorter of its own time limit and everybody's."""
    limits = records.number(row["time_limit_s"]), records.number(room_setting(connection, TIME_LIMIT))
    return Lease(True, bool(row["cancel"]), min((limit for limit in limits if limit is not None), default=None))


def standings(connection: Connection) -> list[Standing]:
    """Return the leases that are held now, on runs at work and by those who wait to work on a run themselves."""
    columns = select(RUNS.c.id, RUNS.c.token, RUNS.c.lease_until, RUNS.c.host, RUNS.c.cancel)
    leased = or_(RUNS.c.state == RUNNING, RUNS.c.token.is_not(None))
    found = connection.execute(columns.where(RUNS.c.state.in_(records.ACTIVE), leased))
    return [Standing(run, token, until, host, bool(cancel)) for run, token, until, host, cancel in found]


def abandon(connection: Connection, standing: Standing) -> bool:
    """Interrupt a run unless its lease was renewed since; tell whether it was interrupted."""
    row = connection.execute(select(RUNS).where(RUNS.c.id == standing.run)).mappings().first()
    if (
        row is None
        or row["state"] not in records.ACTIVE
        or (row["token"], row["lease_until"]) != (standing.token, standing.lease_until)
    ):
        return False
    end(connection, row, INTERRUPTED, error=_("The run stopped answering; resume it to go on where it was."))
    return True


def insert_run(connection: Connection, spec: Mapping[str, Any], spec_hash: str, kind: str, **values: Any) -> str:
    """Add a run and return its new id."""
    run_id = secrets.token_hex(5)
    values |= {"id": run_id, "created": time.time(), "spec": records.encode(spec), "hash": spec_hash, "kind": kind}
    connection.execute(insert(RUNS).values(**values))
    return run_id


def turn_of(connection: Connection, slots: Mapping[str, int]) -> tuple[str, str] | None:
    """Return the waiting run that starts next and its device, or None."""
    running = places(connection, RUNNING)
    load: Counter[str] = Counter()
    for place in running:
        load[place.device] += place.cores if place.device == "cpu" else 1
    if all(load[device] >= most for device, most in slots.items()) or room_setting(connection, PAUSED):
        return None
    elsewhere = _devices_elsewhere(connection) - slots.keys()
    queue = [place for place in places(connection, QUEUED) if place.device not in elsewhere]
    if not queue:
        return None
    return next_turn(queue, running, last_starts(connection, {place.owner for place in queue}), slots)


def starts(connection: Connection) -> dict[str, Forecast]:
    """Return the place of each waiting run and in how many seconds it starts; nothing while the queue is paused."""
    slots = room_setting(connection, f"{DEVICES_OF}{settings.machine()}")
    if not isinstance(slots, dict) or room_setting(connection, PAUSED):
        return {}
    queue = places(connection, QUEUED)
    owners = {place.owner for place in queue}
    return forecast(queue, places(connection, RUNNING), last_starts(connection, owners), slots, now=time.time())


def last_starts(connection: Connection, owners: Collection[str]) -> dict[str, float]:
    """Return when each owner's latest run started; those whose runs never started are left out."""
    latest = select(RUNS.c.owner, func.max(RUNS.c.started)).where(RUNS.c.owner.in_(owners)).group_by(RUNS.c.owner)
    return {owner: number for owner, started in connection.execute(latest) if (number := records.number(started)) is not None}


def room_setting(connection: Connection, key: str) -> Any:
    """Return what a setting of the whole room is set to; None where it never was, or cannot be read."""
    stored = connection.scalar(select(ROOM.c.value).where(ROOM.c.key == key))
    try:
        return None if stored is None else json.loads(stored)
    except ValueError:
        return None


def places(connection: Connection, state: str) -> list[Place]:
    """Return what waits or what is at work; of the latter, `expected_s` are the seconds left."""
    device = RUNS.c.wanted_device if state == QUEUED else RUNS.c.device
    left = func.coalesce(RUNS.c.seconds_left, RUNS.c.expected_s - RUNS.c.seconds) if state == RUNNING else RUNS.c.expected_s
    columns = (RUNS.c.id, RUNS.c.owner, device, RUNS.c.created, RUNS.c.host, left, RUNS.c.priority, RUNS.c.cores)
    query = select(*columns).where(RUNS.c.state == state)
    machine = settings.machine() if settings.shares_store() else None
    found = []
    for run_id, owner, name, created, host, expected, priority, cores in connection.execute(query):
        elsewhere = state == RUNNING and machine is not None and host not in (None, machine)
        where = f"{name} of {host}" if elsewhere else str(name)  # takes no slot here, and counts for its owner
        told = records.number(expected), int(records.number(priority) or 0), int(records.number(cores) or 1)
        found.append(Place(run_id, owner, where, records.number(created) or 0.0, *told))
    return found


def _devices_elsewhere(connection: Connection) -> set[str]:
    if not settings.shares_store():
        return set()
    told = connection.scalars(select(ROOM.c.value).where(ROOM.c.key.startswith(DEVICES_OF, autoescape=True)))
    return {str(device) for devices in map(json.loads, told) for device in devices}


def latest(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns that show how far a run is, as its events say."""
    values: dict[str, Any] = {}
    for event in events:
        if event["type"] == "stage":
            values["stage"] = records.text(event.get("text") or event.get("stage") or "")
        elif event["type"] == "progress":
            values["fraction"] = records.number(event.get("fraction")) or 0.0
            values["seconds_left"] = records.number(event.get("seconds_left"))
            values["progress"] = records.encode({name: event[name] for name in PROGRESS_FIELDS if name in event})
    return values


def lasting(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the events that are stored one by one: of progress only the latest counts, which is part of the run's row."""
    return [event for event in events if event["type"] != "progress"]


def insert_events(connection: Connection, run_id: str, last_seq: int, events: Events) -> None:
    """Add a run's events, numbered from `last_seq` + 1."""
    now = time.time()
    rows = []
    for seq, event in enumerate(events, last_seq + 1):
        payload = records.encode({key: value for key, value in event.items() if key != "type"})
        rows.append({"run": run_id, "seq": seq, "time": now, "type": event["type"], "payload": payload})
    if rows:
        connection.execute(insert(EVENTS), rows)


def end(
    connection: Connection,
    row: Row,
    state: str,
    *,
    error: str | None = None,
    result: Mapping[str, Any] | None = None,
    events: Events = (),
    seconds: float | None = None,
) -> None:
    """End a run with its last events and, unless it is interrupted, one event that says so.

    Args:
        seconds: the time worked on it so far; what was last told, by default.
    """
    error = None if error is None else records.text(error)
    if state == INTERRUPTED and row["cancel"]:
        state, error = CANCELLED, None
    if state in records.TERMINAL:
        events = [*events, {"type": state, **({"error": error} if error else {})}]
    stored = lasting(events)
    values = {
        **latest(events),
        **AT_REST,
        **({"fraction": 1.0} if state == FINISHED else {}),
        **({} if seconds is None else {"seconds": seconds}),
        "state": state,
        "finished": time.time(),
        "error": error,
        "result": None if result is None else records.encode(result),
        "last_seq": row["last_seq"] + len(stored),
    }
    connection.execute(update(RUNS).where(RUNS.c.id == row["id"]).values(**values))
    insert_events(connection, row["id"], row["last_seq"], stored)
