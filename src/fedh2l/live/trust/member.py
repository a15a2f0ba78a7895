"""A member of a federation, or a relay, as it stands in the terms."""

from dataclasses import dataclass

from fedh2l.live.trust.statement import is_stated
from fedh2l.live.trust.succession import earlier_keys


@dataclass(frozen=True)
class Member:
    """An organisation, or a relay: its name, keys and address."""

    name: str
    key: str  # hex of its Ed25519 public key; empty for a relay, which signs nothing
    address: str  # host:port; empty behind NAT, where it is a client of the relays
    certificate: str  # PEM
    statement: str = ""  # of a member: its signature over its address and keys
    succession: str = ""  # of a member whose key was another before: how they followed

    def earlier_keys(self, federation: str) -> list[str]:
        """The keys that it had before, the last one first: each has signed the next."""
        return earlier_keys(federation, self.name, self.key, self.succession) or []

    def had_key(self, key: str, federation: str) -> bool:
        """Whether this member has that key, or had it and has signed the next with it."""
        return key == self.key or key in self.earlier_keys(federation)

    def is_stated(self, federation: str) -> bool:
        """Whether it has signed its address and the key of its certificate."""
        return is_stated(
            federation,
            name=self.name,
            key=self.key,
            address=self.address,
            certificate=self.certificate,
            statement=self.statement,
        )

    def is_successor(self, federation: str) -> bool:
        """Whether each of its keys has signed the next."""
        return earlier_keys(federation, self.name, self.key, self.succession) is not None
