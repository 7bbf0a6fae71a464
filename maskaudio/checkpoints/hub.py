"""The hub: files of others' repositories, in its own standard cache."""

import logging
import os
import sys
from pathlib import Path

from maskaudio.errors import MaskaudioError


def fetch(repository: str, files: tuple[str, ...]) -> Path:
    """The folder of `files` of a repository, in the hub's own cache; HF_HUB_OFFLINE=1 forbids the network."""
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    heard = sys.stderr.isatty() and logging.getLogger("maskaudio").isEnabledFor(logging.WARNING)
    (enable_progress_bars if heard else disable_progress_bars)()
    try:
        folder = Path(snapshot_download(repository, allow_patterns=list(files)))
    except errors.GatedRepoError:
        raise MaskaudioError(
            f"{repository} is gated: accept its terms on its page, then log in with 'hf auth login'"
        ) from None
    except errors.RepositoryNotFoundError:
        raise MaskaudioError(f"{repository}: the hub knows no such model, or not to you") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise MaskaudioError(_not_here(repository)) from None
    except OSError as error:  # a full disk; no network, too, in some versions
        raise MaskaudioError(f"{repository} could not be fetched ({_first_line(error)})") from None
    except (errors.HfHubHTTPError, ValueError, RuntimeError) as error:
        raise MaskaudioError(f"{repository} could not be fetched ({_first_line(error)})") from None
    if missing := [file for file in files if not (folder / file).is_file()]:
        raise MaskaudioError(_not_here(repository, missing[0]))
    return folder


def forget(name: str) -> int:
    """Remove what the hub's cache holds of a published model, all revisions; returns the bytes that frees."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return 0
    revisions = [r.commit_hash for repo in cache.repos if repo.repo_id == name for r in repo.revisions]
    plan = cache.delete_revisions(*revisions)
    plan.execute()
    return plan.expected_freed_size


def offline() -> bool:
    """Whether the network is forbidden."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _not_here(repository: str, file: str = "") -> str:
    what = f"{repository}{f' ({file})' if file else ''} is not on this machine"
    if offline():
        return f"{what}, and offline it cannot be fetched: leave out --offline and HF_HUB_OFFLINE once"
    return f"{what} and cannot be fetched now; try again with a network"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
