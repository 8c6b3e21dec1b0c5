"""What is made from the code is what stands in ``docs/generated``."""

from flask import Flask


def test_the_generated_documents_are_current(app: Flask) -> None:
    from exchange import docs  # the app's whole composition: imported when it is wanted

    with app.app_context():
        assert docs.build(app, write=False) == [], "run `make docs` and commit"
