"""A folder in which the operator puts files of a register: gazettes, register extracts, answers of the case inquiry.

The files stay where they are; each look reads them again and keeps what is about the rights that are asked for, so
that a right that is listed tomorrow gets its older announcements too. A file that cannot be read is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from exchange.core import clock, log
from exchange.core.config import settings
from exchange.rights import feeds, numbers, sandbox
from exchange.rights import source as sources
from exchange.rights.actions import key_of
from exchange.rights.entry import keys_of
from exchange.rights.feeds import Answer, FeedDown
from exchange.rights.formats.record import Record, Refused
from exchange.rights.numbers import Number
from exchange.rights.register import Announcement

NAME: Final = "folder"


class Folder:
    """The files of one folder, read on every look. A file named by a number speaks of that right."""

    name = NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said: dict[str, list[Announcement]] = {}
        self._wanted: set[str] = set()

    def ready(self, wanted: Collection[Number]) -> None:
        """Read every file once and keep what is about ``wanted``. Raises ``FeedDown`` where the folder is gone."""
        self._wanted = {key_of(number) for number in wanted}
        self._said = {}
        if not self._folder.is_dir():
            raise FeedDown(f"{NAME}: there is no folder {self._folder}")
        for path in sorted(self._folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                self._read(path)

    def fetch(self, number: Number) -> Answer | None:
        """What the files say of ``number``; ``None`` where none names it. Raises ``FeedDown``."""
        key = key_of(number)
        if key not in self._wanted:
            self.ready([number])
        return Answer(tuple(self._said[key])) if key in self._said else None

    def _read(self, path: Path) -> None:
        source = sources.Source(sources.REGISTER, "", _day(path))
        named = numbers.try_parse(path.stem)
        named_key = key_of(named) if isinstance(named, Number) else ""
        try:
            for record in _records(path):
                keys = keys_of(record) if record.app_no or record.pub_no or record.reg_no else [named_key]
                for key in self._wanted.intersection(keys):
                    self._said.setdefault(key, []).extend(feeds.announcements(record, source))
        except Refused as refused:
            log.get("feeds").warning("file_passed_over", file=path.name, reason=str(refused))


def _records(path: Path) -> Iterator[Record]:
    return (row.record for row in sandbox.rows(path, today=clock.today()) if row.record is not None)


def _day(path: Path) -> date:
    """The Beijing day on which the file was written, never after today."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return min(clock.beijing(written).date(), clock.today())


def configured() -> Folder | None:
    """The folder that the settings name, ``None`` where they name none."""
    folder = settings().feed_folder
    return Folder(folder) if folder is not None else None
