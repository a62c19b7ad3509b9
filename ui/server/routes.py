"""What the server answers beside Streamlit's own: the pages' HTML, plotly.js, and the cookie that tells people apart."""

from starlette.middleware import Middleware

from ui.server.base_path import base_path
from ui.server.identity import IdentityCookie
from ui.server.index_html import front_page_routes
from ui.server.no_page import no_page_routes
from ui.server.plotly_js import plotly_routes

ROUTES = [*front_page_routes(base_path()), *plotly_routes(base_path()), *no_page_routes(base_path())]
MIDDLEWARE = [Middleware(IdentityCookie, path=base_path() or "/")]
