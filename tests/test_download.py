"""Downloads from a server in this process: whatever goes wrong, only a whole, proven file is ever in place."""
import errno
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time

import pytest

from fastdl.utils import download, file_utils

DATA = bytes(range(256)) * 4096
HASH = hashlib.sha256(DATA).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server, start = self.server, 0
        server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            return self.end_headers()
        if self.path.startswith("/missing"):
            return self.send_error(404)
        if self.headers.get("Range"):
            start = int(self.headers["Range"][6:-1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        body = DATA[start:]
        if self.path == "/wrong":
            body = b"?" * len(body)
        if self.path in ("/cut", "/hang") and server.cuts > 0:
            server.cuts -= 1
            self.wfile.write(body[:100_000])
            self.wfile.flush()
            if self.path == "/hang":
                time.sleep(0.6)
            return
        if self.path == "/slow":
            for k in range(0, len(body), len(DATA) // 4):
                self.wfile.write(body[k:k + len(DATA) // 4])
                time.sleep(0.1)
            return
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("FASTDL_OFFLINE", raising=False)
    monkeypatch.delenv("FASTDL_MIRRORS", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.asked, made.cuts, made.daemon_threads = [], 0, True
        made.at = f"http://127.0.0.1:{made.server_address[1]}"
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def get(server, path, folder, **kwargs):
    return file_utils.get_file("f.bin", server.at + path, cache_dir=str(folder), cache_subdir="", **{"file_hash": HASH, **kwargs})


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def test_whole_redirected_and_kept(server, tmp_path):
    assert open(get(server, "/moved", tmp_path), "rb").read() == DATA
    assert [p for p, _ in server.asked] == ["/moved", "/whole"]
    get(server, "/whole", tmp_path)
    assert len(server.asked) == 2 and list(contents(tmp_path)) == ["f.bin"]


def test_goes_on_where_it_stopped(server, tmp_path):
    server.cuts = 1
    assert open(get(server, "/cut", tmp_path), "rb").read() == DATA
    assert [r for _, r in server.asked] == [None, "bytes=100000-"]
    (tmp_path / "f.bin").unlink()
    server.cuts, server.asked[:] = download.TRIES, []
    with pytest.raises(OSError, match="bytes came.*put it at"):
        get(server, "/cut", tmp_path)
    assert list(contents(tmp_path)) == ["f.bin.part"]
    assert open(get(server, "/whole", tmp_path), "rb").read() == DATA
    assert server.asked[-1] == ("/whole", f"bytes={download.TRIES * 100_000}-")


def test_a_wrong_hash_leaves_the_old_file(server, tmp_path):
    (tmp_path / "f.bin").write_bytes(b"old")
    with pytest.raises(OSError, match="another hash"):
        get(server, "/wrong", tmp_path)
    assert contents(tmp_path) == {"f.bin": b"old"}


def test_bytes_of_another_file_are_thrown_away(server, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(b"something else")
    assert open(get(server, "/whole", tmp_path), "rb").read() == DATA
    assert [r for _, r in server.asked] == ["bytes=14-", None]


def test_silence_is_an_error(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "STALLED", 0.2)
    server.cuts = download.TRIES
    with pytest.raises(OSError, match="(?i)timed out"):
        get(server, "/hang", tmp_path)
    assert "f.bin" not in contents(tmp_path)


def test_a_full_disk_leaves_nothing(server, tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk is full"):
        get(server, "/whole", tmp_path)
    assert contents(tmp_path) == {}


def test_missing_without_hash_and_by_force(server, tmp_path):
    with pytest.raises(OSError, match="404"):
        get(server, "/missing", tmp_path)
    (tmp_path / "f.bin").write_bytes(b"old")
    server.cuts = download.TRIES
    with pytest.raises(OSError):
        get(server, "/cut", tmp_path, file_hash=None, force_download=True)
    assert contents(tmp_path) == {"f.bin": b"old"}
    get(server, "/whole", tmp_path, file_hash=None, force_download=True)
    assert contents(tmp_path) == {"f.bin": DATA}
    asked = len(server.asked)
    get(server, "/whole", tmp_path, force_download=True)                       # even where the right file is there
    assert len(server.asked) == asked + 1 and contents(tmp_path) == {"f.bin": DATA}


def test_mirrors_come_first_and_are_checked(server, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTDL_MIRRORS", f"{server.at}/missing {server.at}/mirror/")
    get(server, "/whole", tmp_path)
    assert [p for p, _ in server.asked] == ["/missing/whole", "/mirror/whole"] and contents(tmp_path) == {"f.bin": DATA}


def test_two_processes_at_once(server, tmp_path):
    code = ("import sys; from fastdl.utils.file_utils import get_file, validate_file\n"
            f"p = get_file('f.bin', {server.at + '/slow'!r}, cache_dir=sys.argv[1], cache_subdir='', file_hash={HASH!r})\n"
            f"print(validate_file(p, {HASH!r}))")
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [c.communicate(timeout=60)[0].splitlines()[-1] for c in children] == ["True", "True"]
    assert contents(tmp_path) == {"f.bin": DATA}
