"""How much longer a sweep will take, of what it has seen."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from fedh2l.simulation.sweep.job import Job
from fedh2l.simulation.sweep.processes import Began, Moved, News

Kind = tuple[str, str]  # cells of one method on one data set take about as long


class Remaining:
    """Seconds of each kind of cell that was seen, and what is left of the others.

    kinds: of every job that is to be done. clock: seconds from any moment on.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        kinds: Mapping[str, Kind],
        processes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kinds, self._processes, self._clock = dict(kinds), processes, clock
        self._rounds = {job.name: job.experiment.rounds or 1 for job in jobs}
        self._left = dict.fromkeys(self._rounds, 1.0)  # the share of each cell that is left
        self._since: dict[str, tuple[float, float]] = {}  # time, and share left, when it began
        self._seconds: dict[Kind, list[float]] = {}  # of whole cells

    def take(self, news: News) -> None:
        """Take into account what happened to a cell."""
        name, now = news.job, self._clock()
        if isinstance(news, Moved):
            self._left[name] = 1 - news.rounds / self._rounds[name]
            # A cell tells first where it begins, which is not 0 where it goes on.
            self._since.setdefault(name, (now, self._left[name]))
        elif not isinstance(news, Began):
            began, share = self._since.pop(name, (now, 0.0))
            if news.reason is None and share:
                self._seconds.setdefault(self._kinds[name], []).append((now - began) / share)
            self._left.pop(name, None)

    def seconds(self) -> float | None:
        """Seconds until all is done; None as long as nothing is known to tell it by."""
        known = {kind: fmean(values) for kind, values in self._seconds.items()}
        for name, (began, share) in self._since.items():
            done = share - self._left[name]
            # A tenth of a cell at least: its first moments are start-up.
            if self._kinds[name] not in known and round(done, 9) >= 0.1:
                known[self._kinds[name]] = (self._clock() - began) / done
        if not known:
            return None
        usual = fmean(known.values())
        parts = [known.get(self._kinds[n], usual) * share for n, share in self._left.items()]
        # No more cells at once than are left, and not sooner than the longest of them.
        return max(sum(parts) / self._processes, max(parts, default=0.0))
