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
static inline vu rng_bits(int64_t k, vu a, vu b) {
    vu at = (vu)vi_iota() + (uint32_t)k;
    return rng_mix(rng_mix(at * 0x9e3779b9u + a) ^ b);
}
static inline vf rng_uniform(int64_t k, vu a, vu b) {      /* 24 bits, in [0, 1) */
    return __builtin_convertvector((vi)(rng_bits(k, a, b) >> 8), vf) * 5.9604644775390625e-8f;
}
/* y[k..] = expr of the element's number k and the keys of two streams */
#define DRAW(name, expr)                                                                         \
FD_KERNEL(name) {                     /* y[n] | seed[2] | n | p0, p1, p2 */                      \
    float *y = c->p[0];                                                                          \
    vf p0 = vf_set1((float)c->d[0]), p1 = vf_set1((float)c->d[1]), p2 = vf_set1((float)c->d[2]);  \
    vu a, b, a1, b1; rng_keys(c->p[1], 0, &a, &b); rng_keys(c->p[1], 1, &a1, &b1);               \
    (void)p0; (void)p1; (void)p2; (void)a1; (void)b1;                                            \
    int64_t lo, hi; fd_share(c->i[0], 4096, tid, nt, &lo, &hi);                                  \
    for (int64_t k = lo; k < hi; k += VL) { vf r = expr; row_put(y, k, hi, r); }                 \
}
static inline vf rng_normal(vf u, vf v) { return vf_sqrt(-2.f * vf_log(1.f - u)) * vf_cos2pi(v); }     /* Box and Muller */
static inline vf rng_truncated(vf u) {                     /* between the standard deviations -2 and 2 */
    vf z = 1.41421356237309505f * vf_erfinv((2.f * u - 1.f) * 0.9544997361036416f);
    return vf_max(vf_min(z, vf_set1(2.f)), vf_set1(-2.f));
}
DRAW(random_bits, (vf)rng_bits(k, a, b))
DRAW(random_uniform, vf_min(rng_uniform(k, a, b) * p1 + p0, p2))
DRAW(random_normal, rng_normal(rng_uniform(k, a, b), rng_uniform(k, a1, b1)) * p1 + p0)
DRAW(random_truncated_normal, rng_truncated(rng_uniform(k, a, b)) * p1 + p0)
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
FD_KERNEL(seed_next) {                /* state[2] | | | */
    if (tid == 0) ((uint32_t *)c->p[0])[1]++;
}
