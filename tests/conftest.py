from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

COMPILED = sorted((Path(__file__).parents[1] / "forecast_eval" / "simulate").rglob("*.py"))
CONTENT = hashlib.sha256(b"".join(path.read_bytes() for path in COMPILED)).hexdigest()[:16]
# numba keeps compiled code by the file of a function, and would not see that one it calls has changed
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"forecast-eval-compiled-{CONTENT}"))

BESIDE = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data; without it the test is skipped, or fails in CI."""
    folder = Path(os.environ.get("FORECAST_EVAL_DATA", BESIDE))
    if folder.is_dir():
        return folder
    message = f"no data in {folder}: set FORECAST_EVAL_DATA"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
