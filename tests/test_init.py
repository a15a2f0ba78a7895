import fedh2l


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in fedh2l.__all__:
        found = getattr(fedh2l, name)
        assert name == "Exchange" or (found.__doc__ or "").strip(), name
    assert callable(fedh2l.run)
    assert not hasattr(fedh2l, "Manager")
