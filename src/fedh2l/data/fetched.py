"""Files of a data set that are fetched once, into the user's cache, and checked by their hash."""

from pathlib import Path

from fedh2l.error import FedH2LError


def fetched(url: str, sha256: str, folder: str) -> Path:
    """The file behind this address, in this folder of the cache.

    Raises FedH2LError where it cannot be had, or is another file.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    cache = Path(pooch.os_cache("fedh2l")) / folder
    name = url.rpartition("/")[2]
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=cache))
    except (OSError, ValueError) as error:
        raise FedH2LError(
            f"{name} could not be fetched ({type(error).__name__}); put the files of {folder} into "
            f"a folder and name it with --data-dir or FEDH2L_DATA, or into {cache}"
        ) from error
