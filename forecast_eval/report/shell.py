"""What every page of ours is: one HTML file that draws by itself, and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Template


def write_page(path: Path, page: str) -> Path:
    """Write a page, whole or not at all, and return its path; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def template(name: str) -> Template:
    """Template of a page, which escapes what it prints and refuses names that it is not given."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(asset))
    # NaN is no JSON: better an error here than a page that a browser cannot read.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    return environment.get_template(name)


def asset(name: str) -> str:
    """Text of a file of this package."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, in the version that Altair writes specs for."""
    import altair as alt
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # The bundle declares short global names; a function keeps them from the page's own.
    return f"(() => {{{bundle}}})();"


def policy(*scripts: str) -> str:
    """Content-Security-Policy: the two scripts by their hash, inline style, data images, and nothing else.

    Vega compiles its expressions, hence 'unsafe-eval'.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
