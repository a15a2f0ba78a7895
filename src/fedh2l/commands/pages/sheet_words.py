"""The sentences of a data-protection officer's sheet: each is true of what is in the facts, and
says no more.
"""

from typing import Any

from fedh2l.commands.audit_privacy import on_epsilon
from fedh2l.message import Posteriors, Prototypes, Weights
from fedh2l.record.units import percent, size

OF_CLASSES = ("fd",)  # methods whose posteriors are one for each class, and not for each seed row
NOTHING = "Nothing was sent."


def lead(facts: dict[str, Any]) -> str:
    """The first sentence: what left, in one breath."""
    sent = facts["sent"]
    if not sent:
        return NOTHING
    amount = size(sum(group["in_copies"] for group in sent))
    messages = sum(group["messages"] for group in sent)
    rounds = max(g["rounds"][1] for g in sent) - min(g["rounds"][0] for g in sent) + 1
    kinds = sorted({group["kind"] for group in sent})
    what = "answers about the shared seed set, and no private row, weight or gradient"
    if kinds != [Posteriors.kind]:
        what = f"{' and '.join(kinds)} of the trained model, and no private row"
    elif facts["method"] in OF_CLASSES:
        what = "mean answers for each class, and no private row, weight or gradient"
    left, whom = "left", "this member"
    if facts["kind"] == "simulated run":
        left, whom = "would have left", _plural(len(facts["peers"]), "this site", "these sites")
    return (
        f"In {rounds} {_plural(rounds, 'round')} {messages} messages {left} {whom}, "
        f"{amount} with every copy: {what}."
    )


def what_left(facts: dict[str, Any]) -> list[str]:
    """What is in a message, for each kind that was sent."""
    told: list[str] = []
    for group in facts["sent"]:
        sentence = _content(group, facts)
        if sentence not in told:
            told.append(sentence)
    return told or [NOTHING]


def _content(group: dict[str, Any], facts: dict[str, Any]) -> str:
    rows, classes = [*group["shape"], 0][:2]
    if group["kind"] == Weights.kind:
        return (
            f"Weights: all {rows:,} parameters of the model, and how many private rows it has "
            "learnt from. Whoever has them has the model, and can ask it about any row. No "
            "private row is in them."
        )
    if group["kind"] == Prototypes.kind:
        return (
            f"Prototypes: {rows:,} numbers, the mean of the model's inner representation of each "
            "class, and how many private rows each class has. No private row is in them."
        )
    if facts["method"] in OF_CLASSES:
        about = f"for each of {rows} classes the mean of the answers to the rows of that class"
    else:
        about = f"for each of {rows} rows of the shared seed set, in the view of that round"
    answer = f"how likely each of {classes} classes is"
    if group["codec"] == "hard":
        answer = f"which of {classes} classes is the likeliest, and no probability"
    return (
        f"Posteriors: {about}, {answer}. A message has no field for a private row, a weight or a "
        "gradient."
    )


def before(facts: dict[str, Any]) -> list[str]:
    """What was shared before the first round: the seed set itself."""
    seeds = facts["seed_set"]
    if seeds["rows"] is None:
        first = "This folder does not hold the seed set"
        if facts["kind"] == "simulated run":
            first = "The data are not as they were, or not here"
        return [
            f"{first}, so whose rows are in the seed set is not known here. Every member holds it: "
            "its rows are not private. fedh2l seedset check FILE --private ROWS says whether rows "
            "of yours are in it."
        ]
    told = [
        f"Before the first round {seeds['rows']} rows were shared among all members, "
        f"{seeds['labelled']} of them with their label: the seed set. They are not private any "
        "more."
    ]
    if seeds["owners"]:
        whose = ", ".join(f"{count} of {name}" for name, count in seeds["owners"].items())
        told.append(f"Whose they were: {whose}.")
    return told


def differential_privacy(facts: dict[str, Any]) -> list[str]:
    """Whether noise bounds what can be learnt of a row, and what it leaves out."""
    budgets = {name: spent for name, spent in facts["privacy"].items() if spent is not None}
    without = [name for name in facts["privacy"] if name not in budgets]
    if not budgets:
        return [
            "Differential privacy was off: no noise was added, and no formal bound says how much "
            "the messages tell of a private row."
        ]
    told = [
        f"Differential privacy was on at {name}: its ledger says that ε = {spent['epsilon']:.2f} "
        f"of {spent['budget']:g} were spent at δ = {spent['delta']:.1g}, for each private row."
        for name, spent in budgets.items()
    ]
    if without:
        told.append(f"It was off at {', '.join(without)}.")
    return [
        *told,
        "That bounds what all messages and the final model together tell of one row more or less. "
        "It does not cover rows of the seed set, nor several rows of one person taken together.",
    ]


def protection(facts: dict[str, Any]) -> tuple[str, str]:
    """The same in a word and a note."""
    budgets = [spent for spent in facts["privacy"].values() if spent is not None]
    if not budgets:
        return "off", "no formal guarantee"
    most = max(spent["epsilon"] for spent in budgets)
    return f"ε = {most:.2f}", f"at {len(budgets)} of {len(facts['privacy'])}"


def cannot_conclude(facts: dict[str, Any]) -> list[str]:
    """What nobody can conclude from this sheet."""
    told = [
        "That nothing can be learnt of a private row. What left comes from a model that has seen "
        "them; whoever hears every round may guess, better than by chance, whether a row was among "
        "them.",
        "That nobody can do better than an audit did, where one was made. What it finds is there; "
        "what it does not find may be there, too.",
        "What receivers did with what they heard, how long they keep it, and to whom they pass it "
        "on.",
        "Whether the rows were collected and used lawfully: this sheet knows messages only.",
        "What left this machine in other ways than through this program.",
        "When it happened, beyond doubt: the times are those of files on this machine, and whoever "
        "can write the folder can set them, and can write it anew. Note the hash over the index "
        "elsewhere.",
    ]
    if any(group["kind"] != Posteriors.kind for group in facts["sent"]):
        told.append("What was in each message with weights: of these only size and hash are kept.")
    if facts["kind"] == "simulated run":
        told.append(
            "That anything left at all: a simulated run keeps every site on one machine. This is "
            "what would have left each site."
        )
    return told


def also_known(facts: dict[str, Any]) -> list[str]:
    """What others learn of a live member besides its messages."""
    if facts["kind"] != "live member":
        return []
    told = [
        "Other members also know name, address, public key and terms, and when this member is up "
        "and how long its rounds take.",
        "The network between them sees addresses, times and sizes; TLS hides the rest.",
    ]
    if facts["relays"]:
        names = ", ".join(relay["name"] for relay in facts["relays"])
        told.append(
            f"Relays ({names}) can read and keep what passes through them, and cannot change it."
        )
    return told


def stayed(facts: dict[str, Any]) -> str:
    """What was in no message."""
    kinds = {group["kind"] for group in facts["sent"]}
    names = ["private rows and their labels", "gradients"]
    if kinds <= {Posteriors.kind, Prototypes.kind}:
        names.insert(1, "the weights of the model")
    if kinds <= {Posteriors.kind}:
        names.append("the number of private rows")
    return f"In no message: {', '.join(names)}, accuracy on validation and test rows, keys."


def audited(result: dict[str, Any]) -> str:
    """What an audit found, in a sentence."""
    attack = result["attacks"]["surrogate"]
    hits, auc = attack["tpr_at_0.01"], attack["auc"]
    rows = "canaries (rows with a wrong label)" if result["canaries"] else "private rows"
    found = "too few rows to tell hits at 1 % false alarms"
    if hits is not None:
        found = (
            f"finds {percent(hits['value'])} % of the {rows} at 1 % false alarms "
            f"(95 %: {percent(hits['low'])} to {percent(hits['high'])}; guessing finds 1.0)"
        )
    return (
        f"{result['peer']}: an attacker who heard every round {found}, and has an AUC of "
        f"{percent(auc['value'])} (guessing: 50.0), over {result['worlds']} repeated worlds: "
        f"{on_epsilon(result['epsilon_at_least'], result['stated'])}."
    )


def to_whom(group: dict[str, Any], most: int) -> str:
    """The receivers, each with how many messages it got where these were not all, in words."""
    everything, receivers = group["messages"], group["receivers"]
    named = [
        name if count == everything else f"{name} ({count})"
        for name, count in list(receivers.items())[:most]
    ]
    more = len(receivers) - len(named)
    return ", ".join([*named, *([f"{more} more"] if more else [])]) or "nobody"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return one if count == 1 else many or f"{one}s"
