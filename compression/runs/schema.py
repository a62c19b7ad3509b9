"""The store's tables, and how a database is opened so that several processes can write to it without losing anything."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    exc,
    insert,
    inspect,
    make_url,
    select,
)

from compression import settings
from compression.errors import LabError, StoreError
from compression.runs import migrations
from compression.texts import gettext as _
from compression.texts import mark

SCHEMA_VERSION = 3
BUSY_TIMEOUT_S = 30
POSTGRESQL_PATIENCE = {  # a server that is cut off is noticed
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
WRITER_LOCK = 0x1AB  # any number that all labs on one PostgreSQL database agree on
ADVICE = {
    "file is not a database": mark("move {file} away, and a new store is made"),
    "disk image is malformed": mark("move {file} away, and a new store is made"),
    "readonly database": mark("allow the lab to write to {file}, or set LAB_HOME to another folder"),
    "unable to open database file": mark("see that {file} can be written, or set LAB_HOME to another folder"),
    "disk is full": mark("free some space"),
}
METADATA = MetaData()

ABOUT = Table("about", METADATA, Column("key", String, primary_key=True), Column("value", String, nullable=False))

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("title", String, nullable=False, default=""),
    Column("spec", Text, nullable=False),
    Column("hash", String, nullable=False),
    Column("state", String, nullable=False),
    Column("wanted_device", String, nullable=False),
    Column("device", String),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("stage", String, nullable=False, default=""),
    Column("fraction", Float, nullable=False, default=0.0),
    Column("seconds_left", Float),
    Column("cancel", Integer, nullable=False, default=0),
    Column("error", Text),
    Column("result", Text),
    Column("last_seq", Integer, nullable=False, default=0),
    Column("token", String),
    Column("lease_until", Float),
    Column("progress", Text),
    Column("host", String),
    Column("expected_s", Float),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("time_limit_s", Float),
    Column("cores", Integer, nullable=False, server_default="1"),
    Column("sweep", String),
    Index("runs_by_created", "created", "id"),
    Index("runs_by_hash", "hash", "state", "finished"),
    Index("runs_by_state", "state", "created"),
    Index("runs_by_owner", "owner", "state", "created"),
    Index("runs_by_kind", "kind", "state", "created"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("run", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("type", String, nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_by_type", "run", "type", "seq"),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("owner", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("colour", String, nullable=False),
    Column("seen", Float, nullable=False),
)

SWEEPS = Table(
    "sweeps",
    METADATA,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("title", String, nullable=False),
    Column("spec", Text, nullable=False),
    Column("cells", Text, nullable=False),
    Column("created", Float, nullable=False),
)

ROOM = Table("room", METADATA, Column("key", String, primary_key=True), Column("value", Text, nullable=False))


def open_engine(url: str) -> Engine:
    """Return an engine whose database holds the store's tables.

    SQLite runs with its rollback journal and `synchronous=FULL`: versions before 3.51.3 can corrupt a write-ahead log.

    Raises:
        LabError: the database cannot be opened or was written by another version of the lab.
    """
    try:
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), connect_args=_connect_args(url))
        if engine.dialect.name == "sqlite":
            Path(engine.url.database or "lab.db").parent.mkdir(parents=True, exist_ok=True)
            event.listen(engine, "connect", _prepare_sqlite)
        elif engine.dialect.name == "postgresql":
            event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "begin", _begin)
        _create(engine)
    except (exc.SQLAlchemyError, ImportError, OSError) as error:
        raise StoreError(_("The store cannot be opened: {reason}.").format(reason=reason(error))) from error
    return engine


def _connect_args(url: str) -> dict[str, Any]:
    driver = make_url(url).drivername
    if driver.startswith("sqlite"):
        return {"timeout": BUSY_TIMEOUT_S}
    return POSTGRESQL_PATIENCE if driver in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2") else {}


def reason(error: BaseException) -> str:
    """Return why a database refused, in its own words and one line, and what can be done about it where that is known."""
    said = (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    advice = next((_(advice) for words, advice in ADVICE.items() if words in said), "")
    file = settings.database_url().removeprefix("sqlite:///")
    return f"{said}; {advice.format(file=file)}" if advice else said


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'")
        # A client that froze within a transaction would hold the writers' lock for ever.
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{2 * BUSY_TIMEOUT_S}s'")
    connection.commit()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _create(engine: Engine) -> None:
    with engine.connect() as connection:
        if _version(connection) == str(SCHEMA_VERSION):
            return
    with engine.execution_options(writes=True).begin() as connection:
        found = _version(connection)  # now under the lock: another process may have been quicker
        if found is None:
            METADATA.create_all(connection)
            connection.execute(insert(ABOUT).values(key="schema_version", value=str(SCHEMA_VERSION)))
        elif found.isdecimal() and int(found) in migrations.STEPS:
            migrations.upgrade(connection, int(found), SCHEMA_VERSION)
        elif found != str(SCHEMA_VERSION):
            message = _(
                "The store has version {found} and this lab reads version {known}: update the lab or choose another LAB_HOME."
            )
            raise LabError(message.format(found=found, known=SCHEMA_VERSION))


def _version(connection: Connection) -> str | None:
    """Return the version of the schema as the database has it; None where it holds no store."""
    if not inspect(connection).has_table(ABOUT.name):
        return None
    return connection.scalar(select(ABOUT.c.value).where(ABOUT.c.key == "schema_version"))
