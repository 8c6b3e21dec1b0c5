"""Where gunicorn and ``flask`` find the exchange: ``gunicorn wsgi:app``, ``flask --app wsgi``."""

from exchange.app import create_app

app = create_app()
