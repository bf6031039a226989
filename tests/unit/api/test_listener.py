from services.api.feed import MOST_WAITING, Listener, News
from services.api.positions import Position

AT = Position("0123456789ab", 0)


async def test_who_is_too_slow_is_let_go_with_what_came_first():
    listener = Listener(AT)
    for seq in range(MOST_WAITING + 1):
        listener.put(News("alert.raised", b"{}", Position(AT.stream, seq)))

    assert listener.ended
    assert [news.position.seq for news in await listener.take(0)] == list(range(MOST_WAITING))


async def test_hints_give_way_to_events():
    listener = Listener(AT)
    for _ in range(MOST_WAITING):
        listener.put(News("job.updated", b"{}"))
    listener.put(News("alert.raised", b"{}", AT))

    assert not listener.ended
    assert (await listener.take(0))[-1].subject == "alert.raised"


def test_a_position_survives_its_id():
    assert Position.read(str(Position("0123456789ab", 42))) == Position("0123456789ab", 42)
    assert Position.read("0123456789AB-x") is None
