"""Where gunicorn and ``flask`` find the exchange: ``gunicorn wsgi:app``, ``flask --app wsgi``."""

import gc

from exchange.app import create_app

app = create_app()

# What stands now stands as long as the process: the collector need not look at it again in the middle of a request.
gc.collect()
gc.freeze()
