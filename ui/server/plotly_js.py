"""The address at which browsers fetch plotly.js: the plotly package's own file, so that the lab works without a network."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse
from starlette.routing import Route

PLOTLY_PATH = f"/lab/plotly-{version('plotly')}.min.js"
ONE_YEAR_S = 31_536_000


def plotly_routes(base: str) -> list[Route]:
    """Return the route that serves plotly.js below a base path; its version is in the address, so browsers may keep it."""
    package = Path(find_spec("plotly").origin).parent
    script = package / "package_data" / "plotly.min.js"
    headers = {"Cache-Control": f"public, max-age={ONE_YEAR_S}, immutable"}

    def serve(request: object) -> FileResponse:
        return FileResponse(script, media_type="text/javascript", headers=headers)

    return [Route(base + PLOTLY_PATH, serve, methods=["GET"])]
