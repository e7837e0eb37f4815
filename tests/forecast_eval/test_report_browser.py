"""The report in a real browser: it draws, it stays silent, and it asks nobody for anything."""

import json
import os
import shutil
import subprocess

import pytest

from forecast_eval.report import write_report

HOSTILE = "</script><img src=x onerror=alert(1)>"
pytestmark = pytest.mark.browser

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    # Port 9 answers nobody: even Chromium's own errands stay on this machine.
    "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
    "--virtual-time-budget=8000", "--enable-logging=stderr", "--dump-dom",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is not on PATH, and CI=true: the report must be seen in a browser")
    if path is None:
        pytest.skip("chromium is not on PATH (apt-get install chromium)")
    return path


@pytest.fixture
def visit(chromium, read_page, tmp_path):
    """Open a page; give its final elements, its console lines and the addresses it asked for."""
    log = tmp_path / "net.json"

    def opened(page, width=1280):
        window = (f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000")
        command = [chromium, *QUIET, *window, f"--log-net-log={log}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return read_page(done.stdout), console, requests(json.loads(log.read_text()))

    return opened


def requests(log):
    """Addresses that a page asked for; Chromium's own errands have no origin and do not count."""
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = (event.get("params", {}) for event in log["events"] if event["type"] == start)
    return [job["url"] for job in started if "url" in job and job["initiator"] != "not an origin"]


def drawings(elements):
    """Width and height of each chart on the page."""
    sizes = []
    for tag, attributes in elements.tags:
        if tag == "svg" and "marks" in (attributes.get("class") or ""):
            sizes.append((float(attributes["width"]), float(attributes["height"])))
    return sizes


def drawn(elements):
    return next(int(attributes["data-drawn"]) for tag, attributes in elements.tags if tag == "body")


# 500 is the narrowest window that headless Chromium gives.
@pytest.mark.parametrize("width", [1280, 500])
def test_every_chart_is_drawn_in_silence(visit, make_run, tmp_path, width):
    page = write_report(*make_run(), tmp_path / "report.html")
    elements, console, asked = visit(page, width)
    sizes = drawings(elements)
    assert console == []
    assert asked == []
    assert len(elements.blocks) == drawn(elements) == len(sizes) == 5
    assert all(100 < across <= width and down > 50 for across, down in sizes), f"{sizes=}"


def test_fifteen_models_with_a_hostile_name_stay_inert(visit, make_run, tmp_path):
    names = ("SeasonalNaive", *(f"LightGBM variant {number}" for number in range(13)), HOSTILE)
    page = write_report(*make_run(names), tmp_path / "report.html")
    elements, console, asked = visit(page)
    assert elements.count("img") == 0
    assert console == []
    assert asked == []
    assert drawn(elements) == len(drawings(elements)) == 5


def test_a_request_and_a_console_line_are_heard(visit, tmp_path):
    # Without this control, the silence above could be that of a deaf test.
    page = tmp_path / "loud.html"
    page.write_text("<img src='http://shop.invalid/pixel.png'><script>console.error('loud')</script>")
    _, console, asked = visit(page)
    assert asked == ["http://shop.invalid/pixel.png"]
    assert any("loud" in line for line in console), f"{console=}"
