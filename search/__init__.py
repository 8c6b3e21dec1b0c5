"""Finding listings: one tokeniser, one list of fields, one port, and three engines that answer alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.core.config import Settings, settings

if TYPE_CHECKING:
    from search.engine import SearchEngine

_engines: dict[tuple[str, str, str], SearchEngine] = {}


def engine_from(wanted: Settings) -> SearchEngine:
    """The engine that the settings name: Elasticsearch where ``SEARCH_URL`` is set, else the index in ``var/``.

    One per process and settings; nothing is opened or connected before the first question.
    """
    key = (wanted.search_url, str(wanted.search_path), wanted.secret_key)
    if key not in _engines:
        _engines[key] = _make(wanted)
    return _engines[key]


def current() -> SearchEngine:
    """The engine of the settings in force."""
    return engine_from(settings())


def _make(wanted: Settings) -> SearchEngine:
    # Imported here, so that a process needs only the client of the engine it uses.
    if wanted.search_url:
        from search.breaker import Guarded
        from search.elastic import ElasticEngine

        urls = [url.strip() for url in wanted.search_url.split(",") if url.strip()]
        return Guarded(ElasticEngine(urls, wanted.secret_key))
    from search.embedded import EmbeddedEngine

    return EmbeddedEngine(wanted.search_path, wanted.secret_key)
