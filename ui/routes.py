"""What the server answers beside Streamlit's own: the pages' HTML, plotly.js, and the cookie that tells people apart."""

from starlette.middleware import Middleware

from ui.front_page import front_page_routes
from ui.identity import IdentityCookie
from ui.plotly_route import plotly_routes

ROUTES = [*front_page_routes(), *plotly_routes()]
MIDDLEWARE = [Middleware(IdentityCookie)]
