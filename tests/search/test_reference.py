"""The executable specification answers as the suite says."""

from collections.abc import Callable

import pytest

from search.engine import SearchEngine
from search.reference import ReferenceEngine
from tests.search.engine_suite import Conformance


@pytest.fixture(scope="module")
def make() -> Callable[[], SearchEngine]:
    """Makes engines."""
    return lambda: ReferenceEngine("secret")


class TestReference(Conformance):
    """The suite on the reference engine."""
