"""A sweep on the terminal: how far it is, how much longer it takes, and what came of it."""

from collections.abc import Mapping, Sequence
from types import TracebackType

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fedh2l.commands.comparison_text import spread
from fedh2l.record.units import duration, percent, size
from fedh2l.simulation.sweep.job import Job
from fedh2l.simulation.sweep.processes import Began, Ended, Moved, News
from fedh2l.simulation.sweep.remaining import Kind, Remaining
from fedh2l.simulation.sweep.tables import TableLine


class SweepScreen:
    """Lines that move on a terminal; elsewhere a plain line per finished job.

    kinds: the method and data set of each job. what: "cells", or "candidates".
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        kinds: Mapping[str, Kind],
        processes: int,
        console: Console,
        what: str,
    ) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.kinds, self.console, self.what = kinds, console, what
        self.remaining = Remaining(jobs, kinds, processes)
        self.rounds: dict[str, int] = {}  # done, of each job at work
        self.done = 0
        self.live = (
            Live(console=console, get_renderable=self._lines, refresh_per_second=2, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> "SweepScreen":
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live:
            self.live.stop()

    def show(self, news: News) -> None:
        """Show what happened to a job."""
        self.remaining.take(news)
        if isinstance(news, Began):
            self.rounds[news.job] = 0
        elif isinstance(news, Moved):
            self.rounds[news.job] = news.rounds
        else:
            self.rounds.pop(news.job, None)
            self.done += 1
            if not self.live:
                outcome = "failed" if news.reason else "finished"
                self.console.print(
                    f"{outcome}: {self._name(news.job)}  {self._progress()}",
                    highlight=False,
                    soft_wrap=True,
                )

    def is_end(self, news: News) -> bool:
        """Whether a job is over, and the tables may have changed."""
        return isinstance(news, Ended)

    def _lines(self) -> Text:
        text = Text(self._progress(), "bold")
        for name, rounds in list(self.rounds.items()):
            whole = self.jobs[name].experiment.rounds
            text.append(f"\n  {self._name(name)}  round {rounds}/{whole}", "dim")
        return text

    def _progress(self) -> str:
        seconds = self.remaining.seconds()
        left = "time left unknown yet" if seconds is None else f"about {duration(seconds)} left"
        if self.done == len(self.jobs):
            left = "done"
        return f"{self.done}/{len(self.jobs)} {self.what}, {left}"

    def _name(self, job: str) -> str:
        algorithm, data = self.kinds[job]
        return f"{algorithm}, {data}, seed {self.jobs[job].experiment.seed}"


def results_table(lines: Sequence[TableLine]) -> Table:
    """table.csv for the eye; what is the same in every line is no column."""
    names = {"method": "algorithm"}
    for heading in ("data", "setting"):
        if len({getattr(line, heading) for line in lines}) > 1:
            names[heading] = heading
    # The one data set stands in the title.
    where = {line.data for line in lines} if "data" not in names else set[str]()
    table = Table(
        title=Text(f"test accuracy, %: {', '.join([*where, 'mean ± standard deviation'])}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in names:
        table.add_column(heading, min_width=9, overflow="fold")
    for heading in ("n", "own", "all domains", "worst", "ECE", "sent", "CPU s"):
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for line in lines:
        # A rule between two places: only within one of them may methods be compared.
        if last not in (None, (line.data, line.setting)):
            table.add_section()
        last = line.data, line.setting
        table.add_row(
            # Names of the user's are text and not markup.
            *(Text(getattr(line, name)) for name in names.values()),
            str(line.n),
            spread(line.own_mean, line.own_std),
            spread(line.all_domain_mean, line.all_domain_std),
            percent(line.worst_domain_mean),
            f"{line.ece_mean:.3f}",
            size(line.payload_bytes),
            f"{line.cpu_seconds:.1f}",
        )
    return table
