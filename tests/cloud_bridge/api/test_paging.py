from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.paging import Token, Tokens, Window, page
from cloud_bridge.api.parameters import Indexes

KEY = b"key"
texts = st.text(max_size=20)
tokens = st.builds(
    Token, texts, st.lists(st.tuples(texts, texts), max_size=4).map(tuple), st.integers(0, 2**40), st.integers(0, 2**45)
)


@given(tokens)
def test_a_token_is_read_back_as_it_was_written(token: Token) -> None:
    text = Tokens(KEY).write(token)
    assert Tokens(KEY).read(text, token.path) == token
    assert all(char.isascii() and (char.isalnum() or char in "-_") for char in text)


@given(tokens, st.data())
def test_a_token_changed_in_any_character_is_refused(token: Token, data: st.DataObject) -> None:
    text = Tokens(KEY).write(token)
    index = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("AQgw-_x0=+/ é").filter(lambda char: char != text[index]))
    for changed in (text[:index] + other + text[index + 1 :], text[:index], text + other, text[index + 1 :]):
        with pytest.raises(RefusedError) as refused:
            Tokens(KEY).read(changed, token.path)
        assert refused.value.code == Code.PAGE_TOKEN


@given(tokens)
def test_a_token_of_another_key_or_path_is_refused(token: Token) -> None:
    text = Tokens(KEY).write(token)
    with pytest.raises(RefusedError):
        Tokens(b"other").read(text, token.path)
    with pytest.raises(RefusedError):
        Tokens(KEY).read(text, f"{token.path}/x")


@given(tokens, texts, texts)
def test_a_token_is_of_the_client_that_it_was_given_to(token: Token, client: str, other: str) -> None:
    text = Tokens(KEY).of(client).write(token)
    assert Tokens(KEY).of(client).read(text, token.path) == token
    for keeper in (Tokens(KEY), Tokens(KEY).of(other + client + "'")):
        with pytest.raises(RefusedError) as refused:
            keeper.read(text, token.path)
        assert refused.value.code == Code.PAGE_TOKEN


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        Tokens(KEY).read(text, "")


@given(
    count=st.integers(0, 200),
    first=st.integers(0, 220),
    length=st.integers(0, 220) | st.none(),
    size=st.integers(1, 60),
)
def test_pages_are_the_asked_indexes_once_and_in_order(count: int, first: int, length: int | None, size: int) -> None:
    items = list(range(count))
    indexes = Indexes(first, None if length is None else first + length)
    expected = items[first:] if indexes.last is None else items[first : indexes.last + 1]
    keeper, start, seen = Tokens(KEY), 0, []
    for number in range(1, 300):
        window = Window(indexes, start, size)
        seen += items[window.offset : window.offset + window.limit]
        shown = page(window, window.total(count), keeper, Token("/x", (), start, 0), "https://h/x", number > 1)
        assert (shown.total, shown.current_page) == (len(expected), number)
        assert bool(shown.links.prev) == (number > 1)
        if not shown.links.next:
            break
        start = keeper.read(shown.links.next.href.partition("=")[2], "/x").start
    assert seen == expected
    assert number == shown.total_page == max(1, -(-len(expected) // size))
    assert keeper.read(shown.links.last.href.partition("=")[2], "/x").start == start
    assert keeper.read(shown.links.first.href.partition("=")[2], "/x").start == 0
