"""The dashboard as one ASGI application: Streamlit's pages, and the routes of sign-in before them."""

import atexit
import gc
from pathlib import Path

from starlette.middleware import Middleware
import streamlit as st

import dashboard.parts.reconciliation
import dashboard.parts.unit_charts
import dashboard.parts.what_if  # noqa: F401

# What pages import is imported before anybody asks for one, so that nobody waits for it.
from dashboard.signin.origins import OriginMiddleware
from dashboard.signin.routes import ROUTES, SignInMiddleware

MIDDLEWARE = [Middleware(OriginMiddleware), Middleware(SignInMiddleware)]
app = st.App(Path(__file__).with_name("app.py"), routes=ROUTES, middleware=MIDDLEWARE)

# What was imported stays until the end; no collection before needs to walk it. If the last one left it out
# as well, DuckDB's binding would report all of it as leaked.
gc.freeze()
atexit.register(gc.unfreeze)
