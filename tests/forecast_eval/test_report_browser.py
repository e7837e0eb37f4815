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


@pytest.fixture
def ask(chromium, read_page, tmp_path):
    """Open a page that is `width` pixels wide, and give what a script in it answers."""

    def answered(question, width):
        outer = tmp_path / "outer.html"
        outer.write_text(FRAME.format(width=width, question=question))
        window = (f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={max(500, width)},3000")
        command = [chromium, *QUIET, *window, "--allow-file-access-from-files", outer.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        body = next(attributes for tag, attributes in read_page(done.stdout).tags if tag == "body")
        return json.loads(body["data-answer"])

    return answered


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


# A page within a page: it may be as narrow as a phone, which a window of headless Chromium may not.
FRAME = """<body style="margin: 0">
<iframe src="report.html" style="border: 0; width: {width}px; height: 3000px"></iframe>
<script>
const frame = document.querySelector("iframe");
const ask = async () => {{
  const page = frame.contentDocument;
  if (!page || !page.body || page.body.dataset.drawn === undefined) return setTimeout(ask, 50);
  const answer = await (async (page, view) => {{ {question} }})(page, frame.contentWindow);
  document.body.dataset.answer = JSON.stringify(answer);
}};
ask();
</script>"""
# Texts of a chart that touch each other, or that stick out of it.
LABELS = """
const found = [];
for (const svg of page.querySelectorAll("svg.marks")) {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter(t => t.textContent && getComputedStyle(t).opacity !== "0");
  const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
  boxes.forEach(([one, a], place) => {
    if (a.left < edge.left - 1 || a.right > edge.right + 1) found.push(one + " sticks out");
    for (const [other, b] of boxes.slice(place + 1)) {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 3) found.push(one + " on " + other);
    }
  });
}
return {labels: found, across: page.documentElement.scrollWidth, texts: page.querySelectorAll("svg.marks text").length};
"""
CHOICE = """
const panels = [...page.querySelectorAll(".panel")];
const shown = () => panels.filter(panel => !panel.hidden).map(panel => panel.dataset.name);
const titles = () => page.querySelector("#chart-timeline svg").textContent;
const pickers = () => [...page.querySelectorAll("#timeline select")].map(select => select.value);
const select = page.querySelector(".choice select"), before = shown();
select.selectedIndex = 2;
select.dispatchEvent(new view.Event("change"));
const after = shown();
const button = [...page.querySelectorAll(".panel:not([hidden]) button")].at(-1);
button.click();
await new Promise(done => setTimeout(done, 300));
const title = button.dataset.series + ", " + button.dataset.model;
return {before, after, title, seen: titles().includes(title), model: button.dataset.model, picked: pickers(),
        series: button.dataset.series};
"""


# 500 is the narrowest window that headless Chromium gives.
@pytest.mark.parametrize("width", [1280, 500])
def test_every_chart_is_drawn_in_silence(visit, make_full_run, tmp_path, width):
    page = write_report(*make_full_run(), tmp_path / "report.html")
    elements, console, asked = visit(page, width)
    sizes = drawings(elements)
    assert console == []
    assert asked == []
    assert len(elements.blocks) == drawn(elements) == len(sizes) == 13
    assert all(100 < across <= width and down > 50 for across, down in sizes), f"{sizes=}"


@pytest.mark.parametrize("width", [390, 1400])
def test_no_label_covers_another_or_leaves_its_chart(ask, make_full_run, tmp_path, width):
    write_report(*make_full_run(), tmp_path / "report.html")
    answer = ask(LABELS, width)
    assert answer["labels"] == []
    assert answer["across"] <= width
    assert answer["texts"] > 100


def test_the_reader_picks_a_model_and_sees_the_stock_of_its_worst_sku(ask, make_full_run, tmp_path):
    tables, facts = make_full_run()
    write_report(tables, facts, tmp_path / "report.html")
    answer = ask(CHOICE, 900)
    ranking = list(tables.money["model"])
    assert answer["before"] == ranking[:1]
    assert answer["after"] == ranking[2:3]
    assert answer["seen"], answer["title"]
    assert answer["picked"] == [answer["model"], answer["series"]]
    assert answer["series"] != tables.timeline["unique_id"].min()


def test_fifteen_models_with_a_hostile_name_stay_inert(visit, make_full_run, tmp_path):
    names = ("SeasonalNaive", *(f"LightGBM variant {number}" for number in range(13)), HOSTILE)
    page = write_report(*make_full_run(names), tmp_path / "report.html")
    elements, console, asked = visit(page)
    assert elements.count("img") == 0
    assert console == []
    assert asked == []
    assert drawn(elements) == len(drawings(elements)) == 13


def test_a_request_and_a_console_line_are_heard(visit, tmp_path):
    # Without this control, the silence above could be that of a deaf test.
    page = tmp_path / "loud.html"
    page.write_text("<img src='http://shop.invalid/pixel.png'><script>console.error('loud')</script>")
    _, console, asked = visit(page)
    assert asked == ["http://shop.invalid/pixel.png"]
    assert any("loud" in line for line in console), f"{console=}"
