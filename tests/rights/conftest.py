"""Files for the tests of readers."""

from pathlib import Path

import pytest

from tests.rights.reading import Put


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write bytes under a name that says nothing about them."""

    def write(data: bytes) -> Path:
        path = tmp_path / "upload.dat"
        path.write_bytes(data)
        return path

    return write
