from __future__ import annotations

import os
from pathlib import Path

import pytest

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
