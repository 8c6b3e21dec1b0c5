"""Journeys of people through real pages in a real browser, in both languages, at both widths."""
