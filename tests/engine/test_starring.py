"""Starred names as viewers ask for them."""

from __future__ import annotations

from desk import Desk

from charwave_tui.core.protocol.commands import ListStars, ReportStatus, StarName, UnstarName
from charwave_tui.core.protocol.events import StarsListed


def test_star_list_sent_to_requester_and_changes_to_all() -> None:
    desk = Desk()
    desk.do(ListStars())
    assert desk.answered == [StarsListed(())]
    desk.forget()
    desk.do(StarName("mara", 1.5, None, 30), StarName("beppo", 2.5, 4, 10), UnstarName("mara"), ReportStatus())
    assert [[star.name for star in event.stars] for event in desk.heard(StarsListed)] == [
        ["mara"],
        ["beppo", "mara"],
        ["beppo"],
    ]
    assert not [event for event in desk.answered if isinstance(event, StarsListed)]
    (star,) = desk.heard(StarsListed)[-1].stars
    assert (star.nll, star.run, star.step) == (2.5, 4, 10)
    assert star.starred.endswith("+00:00")
