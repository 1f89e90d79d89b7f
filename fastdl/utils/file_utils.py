"""Files from the network, checked by hash, in the cache that Keras uses: $KERAS_HOME or ~/.keras."""
import errno
import hashlib
import http.client
import os
import sys
import tarfile
import zipfile

from fastdl import config
from fastdl.errors import FileError, bad_argument


def cache_home():
    """The cache folder: $KERAS_HOME, else ~/.keras."""
    return os.path.expanduser(config.env("KERAS_HOME") or os.path.join("~", ".keras"))


def hash_file(fpath, algorithm="sha256", chunk_size=65535):
    """The hexadecimal SHA-256 (or MD5) of a file."""
    hasher = hashlib.sha256() if algorithm in ("auto", "sha256") else hashlib.md5()
    with open(fpath, "rb") as f:
        while chunk := f.read(chunk_size):
            hasher.update(chunk)
    return hasher.hexdigest()


def _algorithm(file_hash, algorithm):
    return ("sha256" if len(file_hash) == 64 else "md5") if algorithm == "auto" else algorithm


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Whether the file has this SHA-256 (64 digits) or MD5 (32 digits)."""
    return hash_file(fpath, _algorithm(str(file_hash), algorithm), chunk_size) == str(file_hash).lower()


def _inside(folder, name):
    root = os.path.realpath(folder)
    return os.path.commonpath([root, os.path.realpath(os.path.join(root, name))]) == root


def extract_archive(file_path, path=".", archive_format="auto"):
    """Extract a tar or zip archive; False when it is neither. Members that would land outside `path` are refused."""
    if archive_format is None:
        return False
    formats = ("tar", "zip") if archive_format == "auto" else (archive_format,) if isinstance(archive_format, str) else archive_format
    if "tar" in formats and tarfile.is_tarfile(file_path):
        with tarfile.open(file_path) as archive:
            members = archive.getmembers()
            for m in members:
                # Links and devices can point anywhere; data sets have no use for them.
                if not (m.isfile() or m.isdir()) or not _inside(path, m.name):
                    raise FileError(f"{file_path}: the member {m.name!r} is a link, a device or outside the folder; nothing was extracted.")
            for m in members:
                m.mode = 0o755 if m.isdir() else 0o644
                archive.extract(m, path)
        return True
    if "zip" in formats and zipfile.is_zipfile(file_path):
        with zipfile.ZipFile(file_path) as archive:
            for name in archive.namelist():
                if not _inside(path, name):
                    raise FileError(f"{file_path}: the member {name!r} is outside the folder; nothing was extracted.")
            archive.extractall(path)
        return True
    return False


def _fetch(origin, target, file_hash, algorithm, force):
    """Download to `target`, which is replaced only by a whole file of the right hash."""
    by_hand = f"Fix: get {origin} on another machine and put it at {target}"
    if file_hash:
        by_hand += f" ({_algorithm(file_hash, algorithm)} {file_hash})"
    if config.env("FASTDL_OFFLINE", "").lower() not in ("", "0", "false", "no"):
        raise FileNotFoundError(f"{target} is not there (or has another hash), and FASTDL_OFFLINE forbids downloads. {by_hand}, "
                                "or unset FASTDL_OFFLINE.")
    from fastdl.utils.download import download

    print(f"Downloading data from {origin}")
    try:
        if file_hash:
            known = f"{_algorithm(file_hash, algorithm)}:{file_hash.lower()}"
            download(origin, target, known, lambda path: validate_file(path, file_hash, algorithm), force, _bar())
        else:
            download(origin, target, force=force, progress=_bar())
    except (OSError, ValueError, http.client.HTTPException) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC
        reason = "the disk is full" if full else str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise OSError(f"Could not download {origin}: {reason}. {by_hand}.") from error


def _bar():
    """Shows how much of a download is done, where someone watches."""
    from fastdl.utils.progbar import Progbar

    bar = None

    def progress(done, end):
        nonlocal bar
        if sys.stdout.isatty():
            bar = bar or Progbar(end)
            bar.update(done)
    return progress


def get_file(fname=None, origin=None, untar=False, md5_hash=None, file_hash=None, cache_subdir="datasets", hash_algorithm="auto",
             extract=False, archive_format="auto", cache_dir=None, force_download=False):
    """The path of `fname` in the cache, downloaded from `origin` when it is missing or has another hash

    With extract=True the path of the folder that holds the extracted files. FASTDL_OFFLINE=1 forbids downloads.
    """
    if origin is None:
        raise bad_argument("origin", "None", "the address of the file", 'pass origin="https://..."')
    file_hash = file_hash or md5_hash
    given = fname is not None
    fname = os.path.basename(str(fname if given else origin.split("?")[0].rstrip("/"))) if not given else os.fspath(fname)
    if not fname or os.path.basename(fname) != fname or fname in (".", ".."):
        raise bad_argument("fname", repr(fname), "a file name without folders", "name the folder with cache_dir and cache_subdir")
    folder = os.path.join(cache_dir or cache_home(), cache_subdir)
    unpack = extract or untar
    target, extracted = os.path.join(folder, fname), None
    if unpack:
        if given and "." in fname:
            extracted = os.path.join(folder, fname[:fname.find(".")] + "_extracted")
        else:
            extracted, target = target, target + "_archive"
    if force_download or not os.path.exists(target) or (file_hash and not validate_file(target, file_hash, hash_algorithm)):
        os.makedirs(folder, exist_ok=True)
        _fetch(origin, target, file_hash, hash_algorithm, force_download)
    if unpack:
        if not extract_archive(target, extracted, "tar" if untar else archive_format):
            raise FileError(f"{target} is neither a tar nor a zip archive: nothing to extract. Fix: leave out extract=True.")
        return extracted
    return target
