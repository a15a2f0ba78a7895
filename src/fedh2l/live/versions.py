"""Which version of the invite a member follows: the newest one that changes nothing to which its
owner has to consent.
"""

from pathlib import Path

from fedh2l.live.beginning import check_terms
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.trust.accepted import changes, check_accepted, new_ruler, note_members, remember
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.next_keys import adopt
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.summary import key_print
from fedh2l.live.trust.terms import Terms, open_invite, read_terms
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet

PENDING = "pending.json"  # a newer version, to which nobody has consented yet


class Versions:
    """Those of one member, from the given invite's file and from the other members."""

    def __init__(
        self, invite: Path, identity: Identity, seeds: SeedSet, folder: MemberFolder
    ) -> None:
        self.invite, self.identity, self.folder = invite, identity, folder
        self.seeds = seeds
        self._pending = 0  # the last version of which was told that it waits

    def first(self) -> tuple[Terms, bytes]:
        """The version with which to begin, and its file.

        Raises TermsError where it is not what the owner of the keys has accepted, and no version
        that is lies in the folder.
        """
        check_accepted(self.identity.folder, open_invite(self.invite))
        terms, invite_bytes = self.folder.newest(self.invite)
        waits = self._consent_to(terms)
        own = self.folder.own_copy()
        if waits and own is not None and not self._consent_to(open_invite(own)):
            terms, invite_bytes = open_invite(own), own.read_bytes()
        elif waits:
            raise TermsError(
                f"version {terms.version} of the invite differs from what you accepted: "
                f"{'; '.join(waits)}. See and accept it: fedh2l consent {self.invite}"
            )
        self.identity = adopt(self.identity, terms)
        check_terms(terms, self.identity, self.seeds)
        self._take_up(terms, invite_bytes)
        return terms, invite_bytes

    def newer(self, exchange: ZenohP2P) -> tuple[Terms, bytes] | None:
        """A later version that may be taken up now, from a member or in the invite's file.

        A file that is not a newer, validly signed invite is ignored.
        """
        in_file = self.invite.read_bytes() if self.invite.is_file() else None
        for invite_bytes in (exchange.newer_invite_bytes, in_file):
            try:
                if invite_bytes is None:
                    continue
                terms = read_terms(invite_bytes, exchange.terms, may_take_over=True)
            except TermsError:
                continue
            if self._is_by_a_stranger(terms, exchange):
                continue
            is_removed = self.identity.name not in {m.name for m in terms.members}
            if is_removed or not self._waits(terms, invite_bytes, exchange):
                self._tell_of_keys(exchange.terms, terms)
                self._take_up(terms, invite_bytes)
                # After a kill before this line the next start does it: the version is on disk.
                self.identity = adopt(self.identity, terms)
                return terms, invite_bytes
        return None

    def _is_by_a_stranger(self, terms: Terms, exchange: ZenohP2P) -> bool:
        """Whether the convener or the authority is another than the owner has accepted; told."""
        fingerprints = new_ruler(self.identity.folder, terms)
        if fingerprints is not None and terms.version != self._pending:
            self._pending = terms.version
            exchange.tell(
                "consent",
                f"version {terms.version} of the invite is by another convener or authority: "
                f"{fingerprints[1]}, and you accepted {fingerprints[0]}. If you were told that the "
                f"role is passed on: fedh2l consent {self.invite} --identity "
                f"{self.identity.folder}",
            )
        return fingerprints is not None

    def _waits(self, terms: Terms, invite_bytes: bytes, exchange: ZenohP2P) -> bool:
        """Whether the owner has to consent to this version first; told once."""
        wanted = self._consent_to(terms)
        if wanted and terms.version != self._pending:
            path = self.folder.path / PENDING
            write_file(path, invite_bytes)
            self._pending = terms.version
            exchange.tell(
                "consent",
                f"version {terms.version} of the invite waits for you, version "
                f"{exchange.terms.version} goes on: {'; '.join(wanted)}; to take it up: fedh2l "
                f"consent {path} --identity {self.identity.folder}",
            )
        return bool(wanted)

    def _consent_to(self, terms: Terms) -> list[str]:
        # The convener has signed it, which is more than to consent.
        if terms.convener == self.identity.public:
            remember(self.identity.folder, terms)
        return changes(self.identity.folder, terms)

    def _tell_of_keys(self, before: Terms, terms: Terms) -> None:
        keys = {m.name: m.key for m in before.members}
        for m in terms.members:
            if keys.get(m.name, m.key) != m.key:
                self.folder.notices.tell(
                    f"{m.name} signs with another key from now on, {key_print(m.key)}"
                )

    def _take_up(self, terms: Terms, invite_bytes: bytes) -> None:
        note_members(self.identity.folder, terms)
        self.folder.keep(invite_bytes)
        (self.folder.path / PENDING).unlink(missing_ok=True)
