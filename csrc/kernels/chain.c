/* The calls that follow this one in the plan (they are nobody's own: nt 0), for one block of rows after the other: what
   passes between them lies in a thread's own memory and stays in its cache. A block is always one thread's. */
extern const fd_kernel JOIN(fd_table_, FD_LEVEL)[];
FD_KERNEL(chain) {   /* own[nt, size] | where[count, FD_MAX_P, 2]: bytes to add, and a block's bytes or -1 (own memory) | count, blocks, size */
    const fd_kernel *table = JOIN(fd_table_, FD_LEVEL);
    const int64_t count = c->i[0], *where = c->p[1], mine = c->i[2] * tid; int64_t lo, hi;
    fd_share(c->i[1], 1, tid, nt, &lo, &hi);
    for (int64_t b = lo; b < hi; b++)
        for (int64_t k = 0; k < count; k++) {
            fd_call m = c[1 + k];
            const int64_t *w = where + k * FD_MAX_P * 2;
            for (int j = 0; j < FD_MAX_P; j++) m.p[j] = (char *)m.p[j] + w[2 * j] + (w[2 * j + 1] < 0 ? mine : b * w[2 * j + 1]);
            table[m.kernel](&m, 0, 1);
        }
}
