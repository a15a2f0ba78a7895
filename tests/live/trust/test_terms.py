"""The terms: what is signed is believed, what was changed is not, no stranger's file does harm."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import seed_set
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.live.trust.answer import answer, read_answer
from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import Identity, make_identity, open_identity
from fedh2l.live.trust.invite import admit, convene, without
from fedh2l.live.trust.rules import RULES, TermsError
from fedh2l.live.trust.terms import Terms, read_terms, signed

SEEDS = seed_set()


def convened(folder: Path) -> bytes:
    return convene(
        folder,
        "rome",
        "10.0.0.1:7447",
        SEEDS,
        FedH2L(),
        "lattice",
        rounds=5,
        quorum=2,
        grace=1.0,
        deadline=9.0,
    )


@pytest.fixture(scope="module")
def rome(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Identity]:
    folder = tmp_path_factory.mktemp("rome")
    return convened(folder), open_identity(folder)


def with_oslo(invite: bytes, rome: Identity, folder: Path, address: str = "") -> Terms:
    terms = read_terms(invite)
    return admit(
        terms,
        rome,
        [read_answer(answer(terms, make_identity(folder / "oslo", "oslo"), address, relay=False))],
    )


def test_terms_survive_the_file(rome: tuple[bytes, Identity]) -> None:
    terms = read_terms(rome[0])
    assert (
        terms.seed_set == SEEDS.digest
        and terms.method == FedH2L()
        and [m.name for m in terms.members] == ["rome"]
    )
    assert read_terms(signed(terms, rome[1])) == terms


def test_a_member_is_added_by_its_answer_and_removed_by_its_name(
    rome: tuple[bytes, Identity], tmp_path: Path
) -> None:
    terms = with_oslo(*rome, tmp_path)
    assert (
        read_terms(signed(terms, rome[1]), before=read_terms(rome[0])).member("oslo").address == ""
    )
    assert [m.name for m in without(terms, "oslo").members] == ["rome"]
    with pytest.raises(TermsError, match="no member 'lyon'"):
        terms.member("lyon")


def test_an_old_version_and_another_conveners_are_refused(
    rome: tuple[bytes, Identity], tmp_path: Path
) -> None:
    later = with_oslo(*rome, tmp_path)
    with pytest.raises(TermsError, match="an old one changes nothing"):
        read_terms(rome[0], before=later)
    with pytest.raises(TermsError, match="by another convener"):
        read_terms(convened(tmp_path / "other"), before=later)
    with pytest.raises(TermsError, match="not the convener"):
        signed(later, open_identity(tmp_path / "oslo"))


@pytest.mark.parametrize("key", sorted(RULES))
def test_terms_with_any_entry_changed_are_not_believed(
    rome: tuple[bytes, Identity], key: str
) -> None:
    entries = json.loads(rome[0])
    other: dict[str, Any] = {
        "members": [],
        "relays": [entries["terms"]["members"][0]],
        "asynchronous": True,
        "classes": ["b", "a", "c"],
        "codec": "uint8",
        "algorithm": "fedavg",
        "parameters": {"weight": 5.0},
        "authority": "x",
    }
    value = entries["terms"][key]
    entries["terms"][key] = other.get(
        key, value + 1 if isinstance(value, int | float) else "0" * len(value)
    )
    with pytest.raises(TermsError):
        read_terms(json.dumps(entries).encode())


BAD: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("path in a name", lambda t: t["members"][0].update(name="../rome")),
    ("escape in a class", lambda t: t.update(classes=["a", "\x1b[2J", "c"])),
    ("huge number", lambda t: t.update(rounds=10**30)),
    ("not a number", lambda t: t.update(grace=float("nan"))),
    ("truth for a number", lambda t: t.update(quorum=True)),
    ("unknown parameter", lambda t: t["parameters"].update(evil=1)),
    ("string for a number", lambda t: t["parameters"].update(steps="10")),
    ("extra entry", lambda t: t.update(more=1)),
    ("port", lambda t: t["members"][0].update(address="rome:99999")),
    ("two of one name", lambda t: t["members"].append(t["members"][0])),
]


@pytest.mark.parametrize("change", [c for _, c in BAD], ids=[n for n, _ in BAD])
def test_terms_that_no_honest_convener_writes_are_refused_though_signed(
    rome: tuple[bytes, Identity], change: Callable[[dict[str, Any]], Any]
) -> None:
    entries = json.loads(rome[0])["terms"]
    change(entries)
    text = json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()
    signature = rome[1].sign(b"fedh2l terms\n" + text).hex()
    with pytest.raises(TermsError):
        read_terms(json.dumps({"terms": entries, "signature": signature}).encode())


def test_an_answer_for_another_key_or_federation_is_refused(
    rome: tuple[bytes, Identity], tmp_path: Path
) -> None:
    terms = with_oslo(*rome, tmp_path)
    impostor = make_identity(tmp_path / "impostor", "oslo")
    with pytest.raises(TermsError, match="another key"):
        admit(terms, rome[1], [read_answer(answer(terms, impostor, "", relay=False))])
    with pytest.raises(TermsError, match="another federation"):
        admit(
            terms,
            rome[1],
            [read_answer(answer(replace(terms, federation="0" * 16), impostor, "", relay=False))],
        )
    entries = json.loads(answer(terms, impostor, "", relay=False))
    entries["answer"]["key"] = terms.member("oslo").key
    with pytest.raises(TermsError, match="not signed by the key in it"):
        read_answer(json.dumps(entries).encode())


def test_a_relay_signs_nothing_and_needs_an_address(
    rome: tuple[bytes, Identity], tmp_path: Path
) -> None:
    terms, relay = read_terms(rome[0]), make_identity(tmp_path / "relay", "relay")
    with pytest.raises(TermsError, match="needs an --address"):
        answer(terms, relay, "", relay=True)
    later = admit(terms, rome[1], [read_answer(answer(terms, relay, "10.0.0.9:7447", relay=True))])
    assert later.relays[0].key == "" and read_terms(signed(later, rome[1])) == later


@settings(max_examples=200)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(st.sampled_from(["terms", "answer", "signature", "members"]), v)
        ),
    ).map(lambda v: json.dumps(v).encode())
)
def test_no_strangers_bytes_do_anything_but_be_refused(data: bytes) -> None:
    for read in (read_terms, read_answer):
        with pytest.raises(TermsError):
            read(data)


def test_what_is_signed_does_not_depend_on_the_order_of_entries() -> None:
    assert (
        canonical({"b": 1, "a": [1.0]}) == canonical({"a": [1.0], "b": 1}) == b'{"a":[1.0],"b":1}'
    )
