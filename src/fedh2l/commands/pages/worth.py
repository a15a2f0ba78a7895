"""What an exchange was worth, in plain sentences: also where that was nothing, or less."""

from typing import Any

from fedh2l.record.units import percent

NOISE = 1.0  # points that one random seed cannot tell from nothing
REFERENCES = {"seed-only": "with the seed labels but no exchange", "alone": "alone"}


def sentences(summary: dict[str, Any]) -> list[str]:
    """The first lines of a run's report."""
    method, baselines = summary["algorithm"], summary["baselines"]
    now = summary["mean"]["all_domain_accuracy"]
    against = next((r for r in REFERENCES if r in baselines and r != method), None)
    if against is None:
        return [
            f"With {method} peers reach {percent(now)} % on all domains, as a mean.",
            "This run has no baseline, so what that is worth is not known: --baselines would tell.",
        ]

    before = baselines[against]["all_domain_accuracy"]
    gain = 100 * (now - before)
    verdict = f"The exchange was worth {gain:.1f} points"
    if gain < 0:
        verdict = f"The exchange cost {-gain:.1f} points"
    if abs(gain) < NOISE:
        verdict = f"The exchange was worth nothing that one seed could show ({gain:+.1f} points)"
    first = (
        f"{verdict}: on all domains peers reach {percent(now)} %, against {percent(before)} % "
        f"{REFERENCES[against]}."
    )
    return [first, *_share_of_gap(summary, before), *_own_domains(summary)]


def _share_of_gap(summary: dict[str, Any], before: float) -> list[str]:
    """How much of the way to pooled data was made, where there is such a way."""
    pooled = summary["baselines"].get("pooled")
    now = summary["mean"]["all_domain_accuracy"]
    if pooled is None or 100 * (now - before) < NOISE or pooled["all_domain_accuracy"] <= before:
        return []
    share = (now - before) / (pooled["all_domain_accuracy"] - before)
    return [
        f"That is {100 * share:.0f} % of the way to pooling all data "
        f"({percent(pooled['all_domain_accuracy'])} %)."
    ]


def _own_domains(summary: dict[str, Any]) -> list[str]:
    """Whether peers lost at home what they won elsewhere."""
    alone = summary["baselines"].get("alone")
    if alone is None or summary["algorithm"] == "alone":
        return []
    now = summary["mean"]["own_accuracy"]
    before = percent(alone["own_accuracy"])
    return [f"On their own domain they have {percent(now)} %, and alone {before} %."]
