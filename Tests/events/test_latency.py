"""The measurement of latency works; its figures are for people, not for a verdict."""

from events.latency import measure


def test_the_table_shows_idle_and_loaded_side_by_side(daemon, network):
    lines: list[str] = []
    idle, loaded = measure(daemon, 1, 0.5, lines.append)
    assert [line.split()[0] for line in lines] == ["GETs", "idle", "writes,"]
    assert idle.milliseconds and loaded.milliseconds
    assert idle.writes == idle.events == 0
    # Every write is told to everybody.
    assert loaded.writes > 0 and loaded.events > 0
