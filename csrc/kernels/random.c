/* Counter-based random numbers: element k is a hash of (seed, k). The twin in NumPy is primitives/random.py. */
static inline vu rng_mix(vu x) {
    x ^= x >> 16; x *= 0x21f0aaadu;
    x ^= x >> 15; x *= 0xd35a2d97u;
    return x ^ (x >> 15);
}
static inline vu vu_set1(uint32_t x) { vu v = {0}; return v + x; }
static inline void rng_keys(const uint32_t *seed, uint32_t stream, vu *a, vu *b) {
    *a = rng_mix(vu_set1(seed[0] + 0x9e3779b9u * (stream + 1)));
    *b = rng_mix((vu_set1(seed[1]) ^ *a) + 0x85ebca6bu);
}
static inline vf rng_uniform(int64_t k, vu a, vu b) {
    vu at;
    for (int j = 0; j < VL; j++) at[j] = (uint32_t)k + (uint32_t)j;
    vu h = rng_mix(rng_mix(at * 0x9e3779b9u + a) ^ b) >> 8;
    return __builtin_convertvector((vi)h, vf) * 5.9604644775390625e-8f;
}
FD_KERNEL(dropout) {                  /* y[n] | x[n], seed[2] | n | rate */
    float *y = c->p[0]; const float *x = c->p[1];
    float rate = (float)c->d[0], up = (float)(1.0 / (1.0 - c->d[0]));
    vu a, b; rng_keys(c->p[2], 0, &a, &b);
    int64_t lo, hi; fd_share(c->i[0], 4096, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k += VL) {
        vf u = rng_uniform(k, a, b), v = row_at(x, k, hi, 0.f) * up;
        row_put(y, k, hi, vf_sel((vi)(u >= vf_set1(rate)), v, vf_set1(0.f)));
    }
}
