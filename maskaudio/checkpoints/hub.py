"""Published models from the hub: fetched into its standard cache, converted once, ours from then on."""

import logging
import os
import sys
from pathlib import Path

from maskaudio.checkpoints.catalogue import EAR_FILES, NONCOMMERCIAL, TEXT_ENCODER_FILES, published, slug
from maskaudio.checkpoints.convert import convert
from maskaudio.checkpoints.registry import home, local_folder, read_config
from maskaudio.errors import MaskaudioError


def pull(name: str) -> Path:
    """Fetch the published model `name`, with all it stands on, and convert it; returns its folder.

    What is here already is left as it is; a broken download goes on where it stopped. Raises UsageError for
    an unknown name, MaskaudioError where the model cannot be fetched or is not what it should be.
    """
    about = published(name)
    if folder := local_folder(name):
        _fetch_companion(folder)
        return folder
    folder = home() / "models" / slug(name)
    terms = f"{about.licence}{': not for commercial use' if about.licence == NONCOMMERCIAL else ''}"
    way = "converting" if _offline() else f"fetching about {about.gigabytes:.1f} GB of"
    logging.getLogger("maskaudio").warning("%s %s, once; its weights are under %s", way, name, terms)
    convert(fetch(name, about.files), folder)
    _fetch_companion(folder)
    return folder


def _fetch_companion(folder: Path) -> None:
    """Fetch what the model in `folder` stands on: a text encoder, or an ear, where it is not within it."""
    table = read_config(folder)
    if table["kind"] == "magnet":
        name, files = table["text"], TEXT_ENCODER_FILES
    else:
        name, files = table["config"]["ear"], EAR_FILES
    if not (folder / name).is_dir():
        fetch(name, files)


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


def _not_here(repository: str, file: str = "") -> str:
    what = f"{repository}{f' ({file})' if file else ''} is not on this machine"
    if _offline():
        return f"{what}, and offline it cannot be fetched: leave out --offline and HF_HUB_OFFLINE once"
    return f"{what} and cannot be fetched: the hub is not reached; try again with a network"


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
