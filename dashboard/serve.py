"""The dashboard as one ASGI application: Streamlit's pages, and the routes of sign-in before them."""

from pathlib import Path

from starlette.middleware import Middleware
import streamlit as st

from dashboard.signin.gate import Gate
from dashboard.signin.routes import ROUTES

app = st.App(Path(__file__).with_name("app.py"), routes=ROUTES, middleware=[Middleware(Gate)])
