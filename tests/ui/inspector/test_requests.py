"""Requests of the inspector, and what its selection keeps."""

from __future__ import annotations

from support import lab_states, layer_insights

from charwave_tui.core.protocol.commands import InspectLayer, ReportUpdateRatios
from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.core.protocol.layer_insights import InsightQuery, OutputInsight, ProbeBatch
from charwave_tui.ui.inspector.requests import InspectionRequests
from charwave_tui.ui.state.inspector_state import InspectorSelection, ViewCursor, next_batch_size, selection_for

STATS = lab_states.TRAINING.layers.layers[8]


INSIGHT = OutputInsight(layer_insights.normal_histogram(1, 0, 1))


def test_one_request_pending_and_only_its_reply_counts():
    sent = []
    requests = InspectionRequests(sent.append)

    def request(layer, repeat=False):
        requests.request(InsightQuery(layer), ProbeBatch(), includes_update_ratios=False, repeat=repeat)

    def respond(number):
        return requests.accept(LayerInspected(1, number, STATS, INSIGHT, 0.1))

    request(1)
    request(2)
    assert [command.query.layer for command in sent] == [1]
    assert not respond(sent[0].request - 1)
    assert requests.response_for(1) is None
    assert respond(sent[0].request)  # the newest of those that waited is sent now
    assert [command.query.layer for command in sent] == [1, 2]
    assert not respond(sent[0].request)
    assert respond(sent[1].request)
    assert requests.response_for(2) is not None
    assert requests.response_for(1) is None
    request(2)
    assert len(sent) == 2  # it is answered
    request(2, repeat=True)
    request(2, repeat=True)
    assert len(sent) == 3
    assert respond(sent[2].request)
    assert len(sent) == 4  # it was called for while the last one was open
    requests.forget()
    assert requests.response_for(2) is None
    assert not respond(sent[3].request)


def test_inspection_takes_small_fraction_of_engine_time(monkeypatch):
    now = 100.0
    monkeypatch.setattr("charwave_tui.ui.state.pending_request.monotonic", lambda: now)
    sent = []
    requests = InspectionRequests(sent.append)
    requests.request(InsightQuery(1), ProbeBatch(), includes_update_ratios=True)
    assert [type(command) for command in sent] == [InspectLayer, ReportUpdateRatios]
    assert requests.accept(LayerInspected(1, sent[0].request, STATS, INSIGHT, 0.3))
    now = 109.0
    assert not requests.poll(is_training=True)
    now = 111.0
    assert not requests.poll(is_training=False)
    assert requests.poll(is_training=True)


def test_batch_sizes_cycle_and_other_layer_starts_at_first_tab():
    assert [next_batch_size(ProbeBatch(size, 3)) for size in (32, 512, 2_048)] == [
        ProbeBatch(128, 3),
        ProbeBatch(2_048, 3),
        ProbeBatch(32, 3),
    ]
    last = InspectorSelection(ViewCursor(4, tab=2, unit=9, text="ab"))
    assert selection_for(4, "", last) == last
    assert selection_for(5, "mar", last).cursor == ViewCursor(5, unit=9, text="mar")
