"""Reading ahead: threads fetch the next batches while the compiled step computes (it holds no lock of Python's).

Threads, never processes: nothing is copied, forked or pickled. Order and number of reads do not depend on timing.
"""
import collections
import functools
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

WORTH = 1e-4                             # seconds a batch: below it handing over costs more than it hides
_here = threading.local()


class End(Exception):
    """There is no further batch."""


def ahead(fetch, arguments, workers=1, depth=10):
    """fetch(a) for a in arguments, in this order, up to `depth` of them in advance; End from fetch ends it.

    With one worker fetch is never called twice at a time. What it raises is raised here, with its own traceback.
    """
    arguments = iter(arguments)
    if workers <= 1:
        spent = 0.0
        for count, a in enumerate(arguments):
            start = time.perf_counter()
            try:
                item = fetch(a)
            except End:
                return
            spent = max(spent, time.perf_counter() - start) if count else 0.0      # the first one may have been at hand
            yield item
            if count >= 2 and spent > WORTH:
                break
    pool = ThreadPoolExecutor(max(1, workers), "fastdl-reader")
    getattr(_here, "pools", []).append(pool)
    try:
        waiting = collections.deque(pool.submit(fetch, a) for a in itertools.islice(arguments, max(depth, workers)))
        while waiting:
            try:
                item = waiting.popleft().result()
            except End:
                return
            waiting.extend(pool.submit(fetch, a) for a in itertools.islice(arguments, 1))
            yield item
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def leaves_no_thread(method):
    """For fit, evaluate and predict: however they end, the threads that read ahead for them end first."""

    @functools.wraps(method)
    def run(*args, **kwargs):
        outer, mine = getattr(_here, "pools", []), []
        _here.pools, wait = mine, True
        try:
            return method(*args, **kwargs)
        except KeyboardInterrupt:
            wait = False                 # a generator that hangs must not hang Ctrl-C
            raise
        finally:
            _here.pools = outer
            for pool in mine:
                pool.shutdown(wait=wait, cancel_futures=True)
    return run
