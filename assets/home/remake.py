"""Makes the result that Home shows: `python -m assets.home.remake` runs spec.json beside this file and writes run.json.

Beside it lie the baseline and the student of the first seed, whose answers the page Temperature shows.
"""

import datetime
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import our_compression  # noqa: F401
from compression import spec
from compression.execute import Workspace, execute
from compression.networks import artifact_name

FOLDER = Path(__file__).resolve().parent
SHOWN = "val_accuracy"


def remake() -> dict[str, Any]:
    """Run the spec from nothing and return what Home needs: spec, result, seconds, date and the curves of one metric.

    The teacher is a level at its last value: its own training is longer and not what the chart is about.
    """
    wanted = spec.parse(json.loads((FOLDER / "spec.json").read_text(encoding="utf-8")))
    began, metrics, result = time.monotonic(), [], {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for event in execute(wanted, Workspace(root / "runs" / "home", root / "models", root / "runs", "cpu")):
            if event["type"] == "result":
                result = event["result"]
            elif event["type"] == "metric" and SHOWN in event["values"]:
                place = {key: event[key] for key in ("role", "seed", "epoch")}
                metrics.append({**place, "metric": SHOWN, "value": round(event["values"][SHOWN], 6)})
        for role in ("baseline", "student"):
            shutil.copyfile(root / "runs" / "home" / artifact_name(role, 0), FOLDER / artifact_name(role, 0))
    level = [row for row in metrics if row["role"] == "teacher"][-1]
    metrics = [{**level, "epoch": None}, *(row for row in metrics if row["role"] != "teacher")]
    made, seconds = datetime.date.today().isoformat(), round(time.monotonic() - began, 1)
    return {"made": made, "seconds": seconds, "device": "cpu", "spec": wanted.to_json(), "result": result, "metrics": metrics}


if __name__ == "__main__":
    lines = json.dumps(remake(), indent=1, ensure_ascii=False)
    (FOLDER / "run.json").write_text(lines + "\n", encoding="utf-8")
