"""The progress bar: one line a step on a terminal, one line an epoch elsewhere."""
import sys
import time


def format_seconds(seconds):
    """3s, 2:05, 1:02:03"""
    seconds = int(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds >= 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"


def format_step(seconds):
    """The time of one step with its unit: 12us, 3ms, 2s."""
    if seconds >= 1 or seconds <= 0:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"


def format_value(name, value):
    """name: 0.1234, in e-notation where four digits would read as zero."""
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0):
        return f"{name}: {value}"
    value = float(value)
    return f"{name}: {value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{name}: {value:.4e}"


class Progbar:
    """A bar over `target` steps (None: unknown); verbose 0 silent, 1 bar, 2 one line at the end.

    update(current, values) takes (name, value) pairs; values are averaged over the calls unless their
    name is in `stateful_metrics`, or not in `stateless_metrics` where those are given. Draws at most every `interval` seconds.

    >>> bar = Progbar(10, verbose=0)
    >>> bar.update(3, [("loss", 0.5)])
    """

    def __init__(self, target, width=20, verbose=1, interval=0.05, stateful_metrics=None, stateless_metrics=None, unit_name="step",
                 stream=None):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics, self.stateless_metrics = set(stateful_metrics or ()), stateless_metrics
        self.stream = stream or sys.stdout
        self.dynamic = bool(getattr(self.stream, "isatty", lambda: False)()) or "ipykernel" in sys.modules
        self._sums = {}
        self._seen = 0
        self._start = self._last = time.perf_counter()
        self._drawn = 0

    def update(self, current, values=None, finalize=None):
        for name, value in values or ():
            stateful = name in self.stateful_metrics if self.stateless_metrics is None else name not in self.stateless_metrics
            if stateful or isinstance(value, (list, tuple)):
                self._sums[name] = (value, 1)
            else:
                total, count = self._sums.get(name, (0.0, 0))
                weight = max(current - self._seen, 1)
                self._sums[name] = (total + value * weight, count + weight)
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if finalize and self.target is None:
            self.target = current
        now = time.perf_counter()
        if not self.verbose or (not finalize and (now - self._last < self.interval or self.verbose == 2 or not self.dynamic)):
            return
        self._last = now
        self.stream.write(self._line(current, now - self._start, finalize))
        self.stream.flush()

    def add(self, n, values=None):
        self.update(self._seen + n, values)

    def _line(self, current, elapsed, finalize):
        per_step = elapsed / max(current, 1)
        digits = len(str(self.target)) if self.target else 1
        count = f"{current:>{digits}d}/{self.target if self.target else 'Unknown'}"
        values = "".join(
            " - " + format_value(name, total / count_ if count_ != 1 else total) for name, (total, count_) in self._sums.items()
        )
        if self.verbose == 2:
            return f"{count} - {format_seconds(elapsed)} - {format_step(per_step)}/{self.unit_name}{values}\n"
        bar = ""
        if self.target:
            done = min(self.width, self.width * current // self.target)
            bar = " " + "━" * done + (" " if finalize else "─") * (self.width - done)
        if finalize or not self.target:
            clock = f" {format_seconds(elapsed)} {format_step(per_step)}/{self.unit_name}"
        else:
            clock = f" {format_seconds(per_step * (self.target - current))} left, {format_step(per_step)}/{self.unit_name}"
        try:
            line = count + bar + clock + values
            line.encode(getattr(self.stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            line = line.replace("━", "=").replace("─", ".")
        if not self.dynamic:
            return line + "\n"
        padding = " " * max(0, self._drawn - len(line))
        self._drawn = len(line)
        return "\r" + line + padding + ("\n" if finalize else "")
