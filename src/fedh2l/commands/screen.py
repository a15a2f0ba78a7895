"""The screen of a member that takes part: a table that moves, or a plain line per round where there
is no terminal.
"""

import threading
from collections import Counter
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fedh2l.live.budget import words_of
from fedh2l.live.news import News
from fedh2l.live.notices import Notices
from fedh2l.record.units import percent, size


class Screen:
    """Opened by `with`; `show` takes what `join` yields, and a thread of its own what the member
    tells while a round is not over.
    """

    def __init__(self, me: str, rounds: int, console: Console, notices: Notices) -> None:
        self.me, self.rounds, self.console = me, rounds, console
        self.notices, self._lock = notices, threading.Lock()
        self._thread = threading.Thread(target=self._show_notices, daemon=True)
        self.line: dict[str, Any] = {}
        self.missing, self.refused, self.heard = Counter[str](), Counter[str](), dict[str, int]()
        self.present: frozenset[str] = frozenset()
        self.texts: list[str] = []  # the last ones, oldest first
        self.live = (
            Live(self._table(), console=console, refresh_per_second=4)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> "Screen":
        if self.live:
            self.live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.notices.texts.put(None)
        self._thread.join()
        if self.live:
            self.live.stop()

    def _show_notices(self) -> None:
        for text in iter(self.notices.texts.get, None):
            self.show(News(text=text))

    def show(self, news: News) -> None:
        """Show a finished round, or a text, on the terminal."""
        with self._lock:
            self._show(news)

    def _show(self, news: News) -> None:
        if news.text:
            self.texts = [*self.texts[-3:], news.text]
        if news.line is not None:
            self._count(news.line)
            self.present = news.present
        if self.live:
            self.live.update(self._table())
            return
        if news.text:
            self.console.print(news.text, highlight=False, soft_wrap=True)
        if news.line is not None:
            self.console.print(one_line(news.line, self.rounds), highlight=False, soft_wrap=True)

    def _count(self, line: dict[str, Any]) -> None:
        self.line = line
        self.missing.update(line["missing"])
        self.refused.update(list(line["refused"]))  # a mapping would be taken for counts
        self.heard |= dict.fromkeys(line["heard"], line["round"])

    def _table(self) -> RenderableType:
        table = Table(
            title=f"{self.me}: round {self.line.get('round', '·')} of {self.rounds}",
            title_justify="left",
        )
        for heading in (
            "member",
            "here now",
            "last heard",
            "missing",
            "refused",
            "apart from me",
            "received",
        ):
            table.add_column(heading, justify="left" if heading == "member" else "right")

        for name, (_, received_bytes) in self.line.get("wire", {}).items():
            apart = self.line["apart"].get(name)
            table.add_row(
                name,
                self._here(name),
                str(self.heard.get(name, "·")),
                str(self.missing[name]),
                str(self.refused[name]),
                "·" if apart is None else f"{apart:.3f}",
                size(received_bytes),
            )

        accuracy = self.line.get("accuracy")
        mine = f"my accuracy {percent(accuracy)} %\n" if accuracy is not None else ""
        mine += "".join(f"{words}\n" for words in words_of(self.line))
        return Group(table, Text(mine + "\n".join(self.texts), "dim"))

    def _here(self, name: str) -> str:
        if name in self.line["gone"]:
            return "has left"
        return "yes" if name in self.present else "no"


def one_line(line: dict[str, Any], rounds: int) -> str:
    """A finished round where there is no terminal."""
    parts = [f"round {line['round']}/{rounds}", f"heard {', '.join(line['heard']) or 'nobody'}"]
    if line["missing"]:
        parts.append(f"missing {', '.join(line['missing'])}")
    if line["gone"]:
        parts.append(f"left {', '.join(line['gone'])}")
    if line["refused"]:
        parts.append(f"refused {', '.join(line['refused'])}")
    if line["accuracy"] is not None:
        parts.append(f"accuracy {percent(line['accuracy'])} %")
    parts += words_of(line)
    return "  ".join([*parts, f"{line['payload_bytes']} B said", f"{line['seconds']:.1f} s"])
