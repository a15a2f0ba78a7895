"""A member as a process of its own, c, that lies about others or says two things: arguments are the
folder, the lie, and whether it is made with the key that it needs (for a control).
"""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import files, session

from fedh2l.live.network.link import access, root
from fedh2l.live.posts.post import FAREWELL, Post, seal
from fedh2l.live.posts.register import LARGEST, bundle
from fedh2l.live.trust.running import claim, new_process
from fedh2l.live.trust.terms import Terms, open_invite
from members import identity_of

EARLIER = new_process(1)  # sorts before every process that runs


def answers(folder: Path, terms: Terms, lie: str, *, is_true: bool) -> dict[str, list[Post]]:
    """The posts with which c answers, by the question."""
    me, b = identity_of(folder, "c"), identity_of(folder, "b")
    own = seal(me.sign, terms.federation, "c", 1, 1, 0, b"c0 ")
    again = seal(me.sign, terms.federation, "c", 1, 2, 0, b"c0 " if is_true else b"other ")
    sign = b.sign if is_true else me.sign
    farewell = seal(sign, terms.federation, "b", 9, 7, 0, b"", FAREWELL)
    return {
        "post": [own, again] if lie == "two things" else [own],
        "mirror/b": [farewell] if lie == "farewell" else [],
    }


def main(folder: Path, lie: str, *, is_true: bool) -> None:
    terms = open_invite(folder / "invite.json")
    posts, a = answers(folder, terms, lie, is_true=is_true), identity_of(folder, "a")

    def answer(query: Any) -> None:
        with query:
            question = str(query.key_expr).removeprefix(f"{root(terms)}/").partition("/")[2]
            here = f"{root(terms)}/c/{question}"
            if posts.get(question):
                query.reply(here, bundle(posts[question], LARGEST))
            elif question == "who/a" and lie == "twin":
                challenge = bytes.fromhex(query.parameters.get("challenge"))
                said = claim(a.sign, terms.federation, "a", challenge, EARLIER)
                query.reply(here, said if is_true else EARLIER.encode() + os.urandom(64))

    c = terms.member("c")
    with session("peer", c.address, [], files(folder, terms, "c"), access(terms)) as liar:
        liar.declare_queryable(f"{root(terms)}/c/**", answer)
        token = liar.liveliness().declare_token(f"{root(terms)}/c/alive/x")
        print("ready", flush=True)
        sys.stdin.readline()
        assert token


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], is_true=sys.argv[3] == "true")
