"""Which peer has which model: those that are named, and the others in turn."""

from collections.abc import Sequence

from fedh2l.error import FedH2LError, choose
from fedh2l.learners import model_of


def named_models(peers: Sequence[str]) -> dict[str, str]:
    """By domain: of rome=forest that rome has a forest."""
    models: dict[str, str] = {}
    for entry in peers:
        domain, equals, model = entry.partition("=")
        if not equals:
            continue
        if domain in models:
            raise FedH2LError(
                f"--peers gives {domain} two models, {models[domain]} and {model}; name one"
            )
        models[domain] = model
    return models


def models_in_turn(peers: Sequence[str]) -> list[str]:
    """The models of all domains that are not named."""
    return [entry for entry in peers if "=" not in entry]


def models_of(peers: Sequence[str], domains: Sequence[str]) -> list[str]:
    """The model of each domain.

    Raises FedH2LError, with the near miss, where a domain that is named is none of these.
    """
    named, others = named_models(peers), models_in_turn(peers)
    for domain in named:
        choose("domain of --peers", domain, domains)
    rest = [domain for domain in domains if domain not in named]
    in_turn = {domain: others[i % len(others)] for i, domain in enumerate(rest)}
    return [(named | in_turn)[domain] for domain in domains]


def completed(
    peers: Sequence[str], domains: Sequence[str], usual: Sequence[str]
) -> tuple[str, ...]:
    """With the usual models for domains that nobody gave one, every model and domain checked."""
    named = named_models(peers)
    if not models_in_turn(peers) and not set(domains) <= set(named):
        peers = [*peers, *usual]
    for model in [*named.values(), *models_in_turn(peers)]:
        model_of(model)
    models_of(peers, domains)
    return tuple(peers)
