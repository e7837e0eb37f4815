"""The launch book: what past launches promised and what they brought, append-only, in a file or in PostgreSQL."""

from .book import Book, open_book

__all__ = ["Book", "open_book"]
