"""One file from the network, by pooch, with a downloader that resumes where the last one stopped and asks mirrors.

Several processes or threads may ask for the same file: each writes a part of its own, and the last rename wins.
"""
import contextlib
import errno
import glob
import http.client
import os
import tempfile
import threading
import time
import urllib.error
import urllib.request

from fastdl import config

STALLED = 30.0            # seconds without a byte
TRIES = 3
ABANDONED = 60.0          # a part nobody wrote to for so long belongs to a process that has ended
CHUNK = 1 << 18


class Incomplete(OSError):
    """The connection ended before the file did."""


def _claim(target, mine, resume):
    """Take over the bytes that an earlier download left, if there are any; a rename, so that only one process gets them."""
    for part in sorted(glob.glob(glob.escape(target) + ".*part"), key=os.path.getmtime, reverse=True):
        try:
            left = part == target + ".part"
            if left or time.time() - os.path.getmtime(part) > ABANDONED:
                os.replace(part, mine)
                if resume:
                    return
                os.remove(mine)
        except FileNotFoundError:
            continue


def _receive(origin, part, progress):
    """Append to `part` what the server has beyond its bytes; the server may also send the whole file again."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    headers = {"User-Agent": "fastdl", "Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(origin, headers=headers), timeout=STALLED)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:                    # nothing beyond: the hash will tell whether this is the whole
            return
        raise
    with answer:
        resumed = getattr(answer, "status", 200) == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        length = answer.headers.get("Content-Length")
        end = None if length is None else int(length) + (have if resumed else 0)
        with open(part, "ab" if resumed else "wb") as f:
            done = have if resumed else 0
            while chunk := answer.read(CHUNK):
                f.write(chunk)
                done += len(chunk)
                progress(done, end)
            f.flush()
            os.fsync(f.fileno())
    if end is not None and done != end:
        raise Incomplete(f"{done} of {end} bytes came")


def _complete(origin, part, progress):
    for left in reversed(range(TRIES)):
        try:
            return _receive(origin, part, progress)
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if not left or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(0.2)


def mirrors(origin, proven):
    """Where to ask: FASTDL_MIRRORS (addresses of folders, by blanks) first, for files whose hash is known; then the origin."""
    name = origin.split("?")[0].rsplit("/", 1)[1]
    return [m.rstrip("/") + "/" + name for m in (config.env("FASTDL_MIRRORS") or "").split() if proven] + [origin]


def _proven(origin, target, valid, progress):
    """A part file that holds the whole file at `origin`; None for valid: any whole file is right, and nothing is resumed."""
    mine, wrong = f"{target}.{os.getpid()}-{threading.get_ident()}.part", None
    try:
        for address in mirrors(origin, valid is not None):
            for fresh in (False, True):
                if not os.path.exists(mine):
                    _claim(target, mine, resume=valid is not None and not fresh)
                old = os.path.exists(mine) and os.path.getsize(mine) > 0
                try:
                    _complete(address, mine, progress)
                except OSError as error:
                    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                        os.remove(mine)
                        raise
                    wrong = error
                    break                                  # the next address goes on from here
                if valid is None or valid(mine):
                    return mine
                os.remove(mine)
                wrong = ValueError("the file received has another hash")
                if not old:
                    break                                  # a whole new file: asking again brings the same
        raise wrong
    except BaseException:
        if os.path.exists(mine):
            if valid is not None and os.path.getsize(mine):
                os.replace(mine, target + ".part")         # the next call goes on from here
            else:
                os.remove(mine)
        raise


def download(origin, target, known_hash=None, valid=None, force=False, progress=lambda done, end: None):
    """Put the file at `origin` at `target`, by pooch: its own part, its check and its move, our downloader, which resumes.

    known_hash: pooch's "sha256:..." or "md5:..."; valid(path): whether a part is the whole file. force: even where the file
    is there and right. Until the new file is proven an older one stays. Raises OSError; ValueError where the hash is another.
    """
    import pooch

    folder, name = os.path.split(target)
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")                             # what to tell the user is the caller's business
    try:
        with tempfile.TemporaryDirectory(dir=folder) if force else contextlib.nullcontext(folder) as place:
            made = pooch.retrieve(origin, known_hash, name, place,
                                  downloader=lambda address, part, _: os.replace(_proven(address, target, valid, progress), part))
            if force:
                os.replace(made, target)
    finally:
        logger.setLevel(level)
