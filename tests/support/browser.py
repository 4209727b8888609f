#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks at a page in headless Chromium and prints what it saw, as one JSON object.

    tests/support/browser.py URL [--events=3] [--episode] [--captions] [--width=1280] [--height=900] [--dark] [--shot=FILE.png] [--top]
    tests/support/browser.py URL --tabs=50 --learner=PID [--seconds=20]

Waits until the page has heard --events times of its run; --episode chooses the newest kept episode and clicks the last step that was
paid; --captions waits for the table of captions; --shot is a picture of the whole page, --top of its first screen. Prints
{"text","events","charts","console":[...],"wider_than_window","cut","axes_cut","paint_ms","why","pills","paid","words","numbers","tops","behind","picture"}; cut: cells of the tables of captions and actors
that are not wholly in the window; axes_cut: curves with less room at the right than half of a number below them; pills: what is said of a run without new
labels, of one without actors, of a sound one; paid: why a step was, whose reward was scaled; words: what made-up words of raw answers stand for; numbers: how some are written, those of an axis, durations; tops: where the scales of shares up to 1.8, 9.97, 30 % and of none end; behind: whether the annotator is said to fall behind with what waits at a rate, without labels, after two seconds. 77: there is no Chromium.

--tabs opens so many of them, each with connections of its own, and measures what they cost the learner: the processor time of its thread "http" and
of all of it, by /proc, for --seconds before and after. Prints {"tabs","silent","events","without":{"http_s","learner_s","share","of_a_core"},"with":{...}}.

Chromium is spoken to over two pipes (--remote-debugging-pipe): no port, nothing to install.
"""
import argparse, base64, json, os, select, shutil, subprocess, sys, tempfile, time

CLICK = """(() => { const t = document.getElementById('track'), b = t.getBoundingClientRect(), s = episode.doc.step;
  const paid = s.map((x, i) => x.ext || x.int ? i + 1 : 0).filter(Boolean).pop() || 1;
  t.onclick({ clientX: b.left + b.width * paid / (s.length + 1) }); })()"""
SEEN = """(() => {
  const widest = axis => { const g = document.createElement('canvas').getContext('2d'); g.font = '11px system-ui, sans-serif'; return Math.max(0, ...(axis._values || []).map(v => g.measureText(v).width)); };
  const pills = () => { /* said, and what was there put back: a picture is taken after this */
    const parts = ['phase', 'waiting'].map($), before = parts.map(p => [p.className, [...p.childNodes], p.hidden]);
    const said = [["it is gone", "it is gone"], ["no actor", "it is gone"], ["", ""]].map(([waiting, annotator]) => { sayPhase({ phase: 'training', waiting, annotator, v: {} }); return $('phase').textContent; });
    parts.forEach((p, i) => { p.className = before[i][0]; p.replaceChildren(...before[i][1]); p.hidden = before[i][2]; });
    return said;
  };
  const behind = (backlog, rate, annotator, age) => fallsBehind({ phase: 'training', annotator, v: { 'annot/backlog': backlog, 'annot/backlog_age_s': age } }, [rate, rate]);
  return { text: document.body.innerText, events: +document.documentElement.dataset.events || 0,
  charts: document.querySelectorAll('.chart canvas').length, wider_than_window: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  paint_ms: Math.round((performance.getEntriesByType('paint')[0] || { startTime: -1 }).startTime), why: document.getElementById('why').innerText,
  cut: [...document.querySelectorAll('#captions td, #actors td')].filter(d => d.getBoundingClientRect().right > d.closest('.scroll').getBoundingClientRect().right + 1 || d.scrollWidth > d.clientWidth + 1).length,
  axes_cut: drawn.filter(c => c && widest(c.u.axes[0]) / 2 > c.u.width - (c.u.bbox.left + c.u.bbox.width) / devicePixelRatio).length,
  pills: pills(), paid: whyRows({ ext: -0.0005, coef_ext: 1, reward: -0.01, caption: 'c', int: 0.2, coef_int: 0.4, reward_model: 'hash', shaping: 'none', n: 1, score: null, label: null }).map(r => r[1]), words: wordsOf([['TOV', 1], ['BEX-KQ', 0], ['llm: TOV', 1], ['YES', 1], ['YES', 0], ['label: TOV', null], ['I think NO', 0]].map(([raw, label]) => ({ kind: 'class', raw, label }))), numbers: [0.00612, 7723, 7900.4, 10214, 12345678].map(short).concat([9500, 10214, 217341].map(shortest), [47, 252, 2600, 5355, 200000].map(duration)), tops: [0.018, 0.0997, 0.3, null].map(hi => shareRange(hi)[1]), behind: [behind(9514, 41, '', 90), behind(1200, 41, '', 90), behind(9514, 41, 'it is gone', 90), behind(1, 0, '', 2)],
  picture: !!document.querySelector('.picture canvas, .picture pre') }; })()"""


class Browser:
    def __init__(self, program, profile):
        down, self.write_fd = os.pipe()
        self.read_fd, up = os.pipe()
        moved = [os.dup(down), os.dup(up)]  # away from 3 and 4, which the child's become

        def child():
            os.dup2(moved[0], 3)
            os.dup2(moved[1], 4)

        words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                 "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(words, preexec_fn=child, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in [down, up, *moved]:
            os.close(fd)
        self.number, self.session, self.rest, self.console = 0, None, b"", []

    def read(self, until):
        while b"\0" not in self.rest:
            if not select.select([self.read_fd], [], [], max(0, until - time.monotonic()))[0]:
                sys.exit("the browser says nothing")
            got = os.read(self.read_fd, 1 << 16)
            if not got:
                sys.exit("the browser has ended")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params, **({"sessionId": self.session} if self.session else {})}
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + 60
        while True:
            m = self.read(until)
            if m.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.console.append(json.dumps(m["params"])[:500])
            if m.get("id") == self.number:
                if "error" in m:
                    sys.exit(f"{method}: {m['error']}")
                return m["result"]

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)["result"].get("value")

    def wait(self, expression, what):
        until = time.monotonic() + 60
        while not self.value(expression):
            if time.monotonic() > until:
                sys.exit(f"{what} does not come; the page: {self.value('document.body.innerText')[:2000]}")
            time.sleep(0.1)


def look(b, args):
    target = b.call("Target.createTarget", url="about:blank")["targetId"]
    b.session = b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Runtime", "Log", "Page"):
        b.call(domain + ".enable")
    b.call("Emulation.setDeviceMetricsOverride", width=args.width, height=args.height, deviceScaleFactor=1, mobile=args.width < 500)
    b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if args.dark else "light"}])
    b.call("Page.navigate", url=args.url)
    b.wait(f"+document.documentElement.dataset.events >= {args.events}", "an event")
    if args.episode:
        b.wait("!!document.querySelector('.list button')", "a kept episode")
        b.value("document.querySelector('.list button').click()")
        b.wait("!!(episode && episode.doc.step.length)", "an episode")
        b.value(CLICK)
        b.wait("/label|caption/.test(document.getElementById('why').innerText)", "a reason")
    if args.captions:
        b.wait("!!document.querySelector('#captions td')", "a caption")
    seen = b.value(SEEN)
    if args.shot:
        b.value("scrollTo(0, 0)")
        time.sleep(0.3)
        height = args.height if args.top else b.value("document.documentElement.scrollHeight")
        shot = b.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={"x": 0, "y": 0, "width": args.width, "height": height, "scale": 1})
        with open(args.shot, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
    return {**seen, "console": b.console}


def cpu(pid, thread=None):
    """Seconds that the threads of a process (of that name) have run."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as name, open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            if thread in (None, name.read().strip()):
                total += int(stat.read().split()[0]) / 1e9
    return total


def share(args):
    before = cpu(args.learner, "http"), cpu(args.learner), time.monotonic()
    time.sleep(args.seconds)
    http, learner, took = cpu(args.learner, "http") - before[0], cpu(args.learner) - before[1], time.monotonic() - before[2]
    return {"http_s": round(http, 4), "learner_s": round(learner, 2), "share": round(http / learner, 5), "of_a_core": round(http / took, 5)}


def open_tabs(b, args):
    """Each in a context of its own: a browser has six connections for a place, and a page holds one."""
    without, sessions = share(args), []
    for _ in range(args.tabs):
        context = b.call("Target.createBrowserContext")["browserContextId"]
        target = b.call("Target.createTarget", url=args.url, browserContextId=context)["targetId"]
        sessions.append(b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        b.session = None
    def heard():
        counts = []
        for b.session in sessions:
            counts.append(b.value("+document.documentElement.dataset.events || 0") or 0)  # None: it has not navigated yet
        b.session = None
        return counts
    until = time.monotonic() + 180
    while min(heard()) < args.events and time.monotonic() < until:
        time.sleep(1)
    first = heard()  # a busy machine may leave a tab out: what the others cost is said all the same, and how many are silent
    seen = {"tabs": args.tabs, "silent": sum(n < args.events for n in first), "without": without, "with": share(args)}
    return {**seen, "events": [after - before for before, after in zip(first, heard())]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    for flag, default in (("--events", 3), ("--width", 1280), ("--height", 900), ("--tabs", 0), ("--learner", 0), ("--seconds", 20)):
        parser.add_argument(flag, type=int, default=default)
    for flag in ("--episode", "--captions", "--dark", "--top"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--shot")
    args = parser.parse_args()
    program = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if not program:
        print("there is no Chromium: the page is not looked at", file=sys.stderr)
        sys.exit(77)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        b = Browser(program, profile)
        try:
            print(json.dumps(open_tabs(b, args) if args.tabs else look(b, args)))
        finally:
            b.process.kill()
            b.process.wait()


if __name__ == "__main__":
    main()
