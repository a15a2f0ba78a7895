"""The convener's role passed on: to another member, to new keys of the same one, or to a new
authority in the place of one that was lost.
"""

from dataclasses import replace

from fedh2l.live.trust.answer import hosts
from fedh2l.live.trust.authority import make_authority
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.invite import DAYS
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.rules import check
from fedh2l.live.trust.statement import state
from fedh2l.live.trust.terms import Terms


def take_over(terms: Terms, me: Identity) -> Terms:
    """The next version, convened by this member, with an authority of its own, which is made now if
    there is none: it certifies the link keys of all members anew.

    Nobody follows it before a person has consented at each member.
    """
    before = terms.member(me.name)
    authority = make_authority(me.folder / "authority")
    check(
        (me.public, authority.certificate) != (terms.convener, terms.authority),
        f"{me.name} convenes this federation already, with its authority",
    )

    def certified(m: Member) -> Member:
        certificate = authority.issue_anew(m.certificate, m.name, hosts(m.address), DAYS)
        return replace(m, certificate=certificate)

    # A member whose keys were lost takes over with new ones, under its name.
    if before.key != me.public:
        at = hosts(before.address)
        certificate = authority.issue(me.request(at), me.name, at, DAYS)
        statement = state(me, terms.federation, before.address)
        before = Member(me.name, me.public, before.address, certificate, statement)
    others = [m for m in terms.members if m.name != me.name]
    members = [*map(certified, others), certified(before)]
    return replace(
        terms,
        version=terms.version + 1,
        convener=me.public,
        authority=authority.certificate,
        members=tuple(sorted(members, key=lambda m: m.name)),
        relays=tuple(map(certified, terms.relays)),
    )
