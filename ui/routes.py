"""What the server answers beside Streamlit's own pages: plotly.js, and the cookie that tells people apart."""

from starlette.middleware import Middleware

from ui.identity import IdentityCookie
from ui.plotly_route import plotly_routes

ROUTES = plotly_routes()
MIDDLEWARE = [Middleware(IdentityCookie)]
