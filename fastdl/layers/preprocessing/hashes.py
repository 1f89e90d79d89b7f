"""The hashes that give Keras's bins: FarmHash Fingerprint64 (G. Pike), SipHash-2-4 (Aumasson, Bernstein), and their combination.

Python's integers, cut to 64 bits. Every distinct value is hashed once a call.
"""
import numpy as np

from fastdl.errors import bad_argument

M = 2 ** 64 - 1
K0, K1, K2 = 0xc3a5c85c97cb3127, 0xb492b66fbe98f273, 0x9ae16a3b2f90404f


def _turn(v, n):
    v &= M
    return (v >> n | v << (64 - n)) & M


def _mix(v):
    v &= M
    return v ^ v >> 47


def _join(u, v, mul):
    a = _mix((u ^ v) * mul)
    return _mix((v ^ a) * mul) * mul & M


def _weak(block, a, b):
    w, x, y, z = (int.from_bytes(block[k:k + 8], "little") for k in (0, 8, 16, 24))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    b += _turn(a, 44)
    return (a + z) & M, (b + c) & M


def fingerprint64(s):
    """The 64-bit FarmHash fingerprint of bytes."""
    n = len(s)
    at = lambda k, size=8: int.from_bytes(s[k:k + size], "little")
    if n <= 16:
        mul = K2 + 2 * n
        if n >= 8:
            a, b = at(0) + K2, at(n - 8)
            return _join(_turn(b, 37) * mul + a & M, (_turn(a, 25) + b) * mul & M, mul)
        if n >= 4:
            return _join(n + (at(0, 4) << 3), at(n - 4, 4), mul)
        if n:
            return _mix((s[0] + (s[n >> 1] << 8)) * K2 ^ (n + (s[-1] << 2)) * K0) * K2 & M
        return K2
    if n <= 64:
        mul = K2 + 2 * n
        a, b, c, d = at(0) * (K1 if n <= 32 else K2), at(8), at(n - 8) * mul, at(n - 16) * K2
        y = (_turn(a + b, 43) + _turn(c, 30) + d) & M
        z = _join(y, (a + _turn(b + K2, 18) + c) & M, mul)
        if n <= 32:
            return z
        e, f, g, h = at(16) * mul, at(24), (y + at(n - 32)) * mul, (z + at(n - 24)) * mul
        return _join((_turn(e + f, 43) + _turn(g, 30) + h) & M, (e + _turn(f + a, 18) + g) & M, mul)
    x, y = 81, 81 * K1 + 113 & M
    z = _mix(y * K2 + 113) * K2 & M
    v, w = (0, 0), (0, 0)
    x = (x * K2 + at(0)) & M

    def round_(k, x, y, z, v, w, mul, nine):
        x = _turn(x + y + v[0] + at(k + 8), 37) * mul & M
        y = _turn(y + v[1] + at(k + 48), 42) * mul & M
        x ^= w[1] * nine & M
        y = (y + v[0] * nine + at(k + 40)) & M
        z = _turn(z + w[0], 33) * mul & M
        v = _weak(s[k:k + 32], v[1] * mul & M, x + w[0])
        w = _weak(s[k + 32:k + 64], z + w[1], y + at(k + 16))
        return z, y, x, v, w

    for k in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = round_(k, x, y, z, v, w, K1, 1)
    mul = K1 + ((z & 0xff) << 1)
    w = ((w[0] + (n - 1 & 63)) & M, w[1])
    v = ((v[0] + w[0]) & M, v[1])
    w = ((w[0] + v[0]) & M, w[1])
    x, y, z, v, w = round_(n - 64, x, y, z, v, w, mul, 9)
    return _join(_join(v[0], w[0], mul) + _mix(y) * K0 + z & M, _join(v[1], w[1], mul) + x & M, mul)


def siphash(s, key):
    """SipHash-2-4 of bytes with a key of two 64-bit numbers."""
    a, b = key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d
    c, d = key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573

    def rounds(a, b, c, d, count):
        for _ in range(count):
            a, c = (a + b) & M, (c + d) & M
            b, d = _turn(b, 51) ^ a, _turn(d, 48) ^ c
            a = _turn(a, 32)
            a, c = (a + d) & M, (c + b) & M
            b, d = _turn(b, 47) ^ c, _turn(d, 43) ^ a
            c = _turn(c, 32)
        return a, b, c, d

    full = len(s) // 8 * 8
    for k in range(0, full + 8, 8):
        m = int.from_bytes(s[k:k + 8], "little") | (len(s) & 0xff) << 56 if k == full else int.from_bytes(s[k:k + 8], "little")
        d ^= m
        a, b, c, d = rounds(a, b, c, d, 2)
        a ^= m
    a, b, c, d = rounds(a, b, c ^ 0xff, d, 4)
    return a ^ b ^ c ^ d


def salt_pair(salt):
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2 and all(isinstance(v, int) for v in salt):
        return list(salt)
    raise bad_argument("salt", repr(salt), "a whole number or two of them", "pass for example salt=1337")


def _each(values, f):
    """f of every element of an object array, each distinct one computed once; int64."""
    flat = values.reshape(-1).tolist()
    known = {v: f(v) for v in set(flat)}
    return np.fromiter((known[v] for v in flat), "int64", len(flat)).reshape(values.shape)


def buckets(words, count, salt=None):
    """The bin of every word (an object array of str)."""
    if salt is None:
        return _each(words, lambda w: fingerprint64(w.encode()) % count)
    key = [v & M for v in salt]
    return _each(words, lambda w: siphash(w.encode(), key) % count)


def crossed(columns, count):
    """The bin of every combination of the columns' values: strings by their fingerprints, whole numbers as they are."""
    mul = 0xc6a4a7935bd1e995

    def number(v):
        return fingerprint64(v.encode() if isinstance(v, str) else v) if isinstance(v, (str, bytes)) else int(v) & M

    out = []
    for row in zip(*(c.reshape(-1).tolist() for c in columns)):
        h = 0xDECAFCAFFE
        for v in map(number, row):
            h ^= mul
            h ^= _mix(v * mul) * mul & M
            h = _mix(h * mul) * mul & M
            h = _mix(h)
        out.append(h % count)
    return np.array(out, "int64")
