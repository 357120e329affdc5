"""Progress in a log file, a line a minute, and for an observer."""

from __future__ import annotations

import logging

import pytest

from cic import progress


def test_a_log_gets_a_line_now_and_then_and_none_for_what_is_quick(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO, logger="cic.progress")
    for _ in progress.track(range(3), "quick"):
        now[0] += 0.1
    assert caplog.messages == []
    with progress.bar(150, "slow") as shown:
        for step in range(150):
            now[0] += 1
            shown.advance(note=f"step {step}")
    told = [f"slow: {n}/150, {n} s, {150 - n} s left, step {n - 1}" for n in (60, 120)]
    assert caplog.messages == [*told, "slow: 150/150, 150 s, step 149"]


def test_an_observer_sees_every_step_of_every_bar() -> None:
    seen = []
    with progress.observed(lambda *step: seen.append(step)):
        assert list(progress.track("ab", "letters")) == ["a", "b"]
    with progress.bar(1, "unobserved") as shown:
        shown.advance()
    assert seen == [("letters", 0, 2, ""), ("letters", 1, 2, ""), ("letters", 2, 2, "")]
