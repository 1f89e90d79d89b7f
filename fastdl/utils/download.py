"""One file from the network: resumed where it stopped, proven by its hash, and put in place whole or not at all.

Several processes or threads may ask for the same file: each writes a part of its own, and the last rename wins.
"""
import errno
import glob
import http.client
import os
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


def download(origin, target, valid=None, progress=lambda done, end: None):
    """Put the file at `origin` at `target` when valid(path) says that it is right. Until then an older target stays.

    valid None: any whole file is right, and nothing is resumed. Raises OSError; ValueError where the hash is another.
    """
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
                    os.replace(mine, target)
                    return
                os.remove(mine)
                wrong = ValueError("the file received has another hash")
                if not old:
                    break                                  # a whole new file: asking again brings the same
        raise wrong
    finally:
        if os.path.exists(mine):
            if valid is not None and os.path.getsize(mine):
                os.replace(mine, target + ".part")         # the next call goes on from here
            else:
                os.remove(mine)
