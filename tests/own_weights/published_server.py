"""A server on this machine that stands for the one that torchvision's weights are downloaded from."""

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torchvision

from compression.models import MODELS

MEAN, STD = [0.5, 0.25, 0.75], [0.2, 0.3, 0.4]


def saved(what: Any) -> bytes:
    file = io.BytesIO()
    torch.save(what, file)
    return file.getvalue()


@contextmanager
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Serve one file, which torchvision is said to publish for the network `cnn`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.asked.append(self.path)
            self.send_response(serving.status)
            self.send_header("Content-Length", str(serving.told or len(serving.content)))
            self.end_headers()
            self.wfile.write(serving.content)

        def log_message(self, *_told: object) -> None:
            """Say nothing."""

    there = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = SimpleNamespace(asked=[], status=200, told=0, content=b"", url="")

    def publish(content: bytes, *, name: str | None = None) -> None:
        serving.content = content
        name = name or f"cnn-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        serving.url = f"http://127.0.0.1:{there.server_port}/models/{name}"

    def listed(_name: str) -> SimpleNamespace:
        scale = SimpleNamespace(mean=MEAN, std=STD)
        return SimpleNamespace(url=serving.url, transforms=lambda: scale, meta={"categories": ["tench", "goldfish", "shark"]})

    serving.publish = publish
    monkeypatch.setitem(MODELS["cnn"].traits, "imagenet", {"weights": "none", "megabytes": 1})
    monkeypatch.setattr(torchvision.models, "get_weight", listed)
    thread = threading.Thread(target=there.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield serving
    finally:
        there.shutdown()
        thread.join()
        there.server_close()
