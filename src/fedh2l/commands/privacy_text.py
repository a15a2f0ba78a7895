"""What a run says of its privacy budgets, on the terminal and in the report."""

from typing import Any


def budgets(summary: dict[str, Any]) -> list[str]:
    """Sentences on the privacy budgets: at which δ, and who could not take all of its steps."""
    kept = {n: p["privacy"] for n, p in summary["peers"].items() if "privacy" in p}
    if not kept:
        return []
    deltas = sorted({f"{p['delta']:.1g}" for p in kept.values()})
    sentences = [
        f"ε spent: at δ = {' or '.join(deltas)}, for one private row more or less, by Opacus' RDP "
        "accountant; the baselines have ledgers of their own"
    ]
    stopped = [f"{n} ({p['refused']} steps)" for n, p in kept.items() if p["refused"]]
    if stopped:
        sentences.append(
            f"the privacy budget was used up, and private steps were not taken: "
            f"{', '.join(stopped)}; from there on these peers learnt from the seed set alone"
        )
    return sentences
