"""Settings from the environment: typed, checked once at the start, each with one sentence when it is wrong."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class BadSetting(Exception):
    """A setting has a value the exchange cannot start with; the text names it."""


@dataclass(frozen=True)
class Settings:
    """What the environment says. ``docs/configuration.md`` lists every name with its meaning."""

    database_url: str
    search_url: str
    search_path: Path
    secret_key: str
    files_url: str
    mail_url: str
    public_url: str
    environment: str
    jobs: str
    var: Path
    signing_key: Path | None = None
    signing_certificate: Path | None = None
    fonts: tuple[Path, ...] = ()
    feed_folder: Path | None = None
    ops_url: str = ""
    ops_key: str = field(default="", repr=False)
    ops_secret: str = field(default="", repr=False)

    @property
    def production(self) -> bool:
        """Whether real money and real people are behind this instance."""
        return self.environment == "production"

    @property
    def sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")


ROOT = Path(__file__).resolve().parents[2]

NAMES: dict[str, str] = {
    "DATABASE_URL": "Database: `sqlite:///path` or `postgresql://…`. Default: SQLite in `var/`.",
    "SEARCH_URL": "Search: empty for the embedded index in `var/`, or `http(s)://…` of Elasticsearch; several "
    "nodes are separated by commas.",
    "SECRET_KEY": "Signs sessions and cursors; at least 32 signs. Made and kept in `var/` in development; required "
    "in production.",
    "FILES_URL": "Where documents are kept: `file:///folder`. Default: a folder in `var/`.",
    "MAIL_URL": "Outgoing mail: `smtp://user:password@host:port`, or `file:///folder` for .eml files. Default: a "
    "folder in `var/`.",
    "PUBLIC_URL": "The address people type, for links in mail and QR codes. Default: `http://127.0.0.1:8000`.",
    "ENVIRONMENT": "`development` (default) or `production`.",
    "JOBS": "`process` (default: a `flask jobs` process runs them), `inline` (a thread of the web process) or `off`.",
    "VAR": "Folder of everything that is written on this machine. Default: `var/`.",
    "SIGNING_KEY": "File with the private key (PEM) that signs the exchange's own documents. Made and kept in `var/` "
    "in development; without it no document is signed in production.",
    "SIGNING_CERTIFICATE": "File with the certificate of that key (PEM), followed by those that lead to its root.",
    "FONTS": "Folders with further fonts for documents, separated by colons: they give rare characters a shape.",
    "FEED_FOLDER": "Folder in which announcements of registers are put as files; the daily look at the legal status "
    "reads them.",
    "OPS_URL": "The EPO's Open Patent Services, for example `https://ops.epo.org/3.2`. Empty: they are not asked.",
    "OPS_KEY": "Consumer key for these services.",
    "OPS_SECRET": "Consumer secret for these services.",
}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings. Raises ``BadSetting`` with one sentence that names the setting."""
    env = os.environ if environ is None else environ

    def get(name: str, default: str = "") -> str:
        return env.get(name, "").strip() or default

    def one_of(name: str, default: str, *allowed: str) -> str:
        value = get(name, default)
        if value not in allowed:
            raise BadSetting(f"{name} must be one of {', '.join(allowed)}; it is {value!r}.")
        return value

    def url(name: str, default: str, *schemes: str) -> str:
        value = get(name, default)
        for part in value.split(","):
            if part and urlsplit(part).scheme not in schemes:
                raise BadSetting(
                    f"{name} must start with {' or '.join(s + '://' for s in schemes)}; it is {part!r}."
                )
        return value

    environment = one_of("ENVIRONMENT", "development", "development", "production")
    var = Path(get("VAR", str(ROOT / "var"))).absolute()
    database_url = url(
        "DATABASE_URL", f"sqlite:///{var / 'rongyi.db'}", "sqlite", "postgresql", "postgresql+psycopg"
    )
    if database_url.startswith("postgresql://"):
        database_url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return Settings(
        database_url=database_url,
        search_url=url("SEARCH_URL", "", "http", "https"),
        search_path=var / "search",
        secret_key=_secret_key(get("SECRET_KEY"), environment, var),
        files_url=url("FILES_URL", f"file://{var / 'files'}", "file"),
        mail_url=url("MAIL_URL", f"file://{var / 'mail'}", "file", "smtp", "smtps"),
        public_url=url("PUBLIC_URL", "http://127.0.0.1:8000", "http", "https").rstrip("/"),
        environment=environment,
        jobs=one_of("JOBS", "process", "process", "inline", "off"),
        var=var,
        signing_key=_pair(get, "SIGNING_KEY", "SIGNING_CERTIFICATE"),
        signing_certificate=_pair(get, "SIGNING_CERTIFICATE", "SIGNING_KEY"),
        fonts=_folders(get, "FONTS"),
        feed_folder=next(iter(_folders(get, "FEED_FOLDER")), None),
        ops_url=_with_both(get, url("OPS_URL", "", "http", "https").rstrip("/")),
        ops_key=get("OPS_KEY"),
        ops_secret=get("OPS_SECRET"),
    )


def _pair(get: Callable[[str], str], name: str, other: str) -> Path | None:
    """A file that is of use only together with another."""
    value = get(name)
    if bool(value) != bool(get(other)):
        raise BadSetting(f"{name} and {other} belong together: set both, or neither.")
    if value and not Path(value).is_file():
        raise BadSetting(f"{name} must be a file; there is none at {value!r}.")
    return Path(value).absolute() if value else None


def _folders(get: Callable[[str], str], name: str) -> tuple[Path, ...]:
    found = [Path(part) for part in get(name).split(":") if part]
    for one in found:
        if not one.is_dir():
            raise BadSetting(f"{name} must be a folder; there is none at {str(one)!r}.")
    return tuple(one.absolute() for one in found)


def _with_both(get: Callable[[str], str], url: str) -> str:
    if url and not (get("OPS_KEY") and get("OPS_SECRET")):
        raise BadSetting("OPS_URL needs OPS_KEY and OPS_SECRET too.")
    return url


def _secret_key(given: str, environment: str, var: Path) -> str:
    if given:
        if len(given) < 32:
            raise BadSetting("SECRET_KEY must have at least 32 signs.")
        return given
    if environment == "production":
        raise BadSetting("SECRET_KEY is required in production; give it at least 32 random signs.")
    kept = var / "secret_key"
    if not kept.exists():
        var.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.write_text(secrets.token_hex(32))
        fresh.chmod(0o600)
        try:
            os.link(fresh, kept)
        except FileExistsError:
            pass  # another process was first: its key is the one to use
        finally:
            fresh.unlink()
    return kept.read_text().strip()


_current: list[Settings] = []


def use(settings_: Settings) -> None:
    """Make ``settings_`` the ones that ``settings()`` answers with (``create_app`` does this)."""
    _current[:] = [settings_]


def settings() -> Settings:
    """The settings in force; read from the environment where nobody has set them."""
    if not _current:
        use(load())
    return _current[0]
