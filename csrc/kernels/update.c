/* In-place updates over one variable's flat memory: p = written arrays, then inputs; scalars are tensors of size 1. */
enum { UP_BLOCK = 4096 };
#define UPDATE(name, body)                                                                         \
FD_KERNEL(name) {                                                                                  \
    int64_t lo, hi; fd_share(c->i[0], UP_BLOCK, tid, nt, &lo, &hi);                                \
    for (int64_t k = lo; k < hi; k += VL) { int64_t n = hi - k; body }                             \
}
static inline vf get(const float *p, int64_t n) { return n >= VL ? vf_load(p) : vf_loadn(p, n); }
static inline void set(float *p, vf v, int64_t n) { if (n >= VL) vf_store(p, v); else vf_storen(p, v, n); }
#define W(slot) ((float *)c->p[slot] + k)
#define S(slot) vf_set1(*(const float *)c->p[slot])
#define D(slot) ((float)c->d[slot])
/* The gradient; with i[1] set, plus s w, rounded as if in two steps (weight decay, L2). */
#define G(slot, s) ({ vf g_ = get(W(slot), n); if (c->i[1]) g_ = g_ + vf_keep(S(s) * get(W(0), n)); g_; })

UPDATE(assign, set(W(0), get(W(1), n), n);)
UPDATE(assign_add, set(W(0), get(W(0), n) + get(W(1), n), n);)
UPDATE(assign_sub, set(W(0), get(W(0), n) - get(W(1), n), n);)
UPDATE(sgd_update, set(W(0), get(W(0), n) - S(2) * G(1, 3), n);)
UPDATE(momentum_update,
    vf s = S(3) * G(2, 4); vf m = D(0) * get(W(1), n) - s; set(W(1), m, n);
    set(W(0), get(W(0), n) + (c->d[1] != 0 ? D(0) * m - s : m), n);)
UPDATE(rmsprop_update,
    vf g = G(2, 4); vf v = D(0) * get(W(1), n) + (float)(1 - c->d[0]) * g * g; set(W(1), v, n);
    set(W(0), get(W(0), n) - S(3) * g * vf_rsqrt(v + D(1)), n);)
UPDATE(adam_update,
    vf g = G(3, 5); vf m = get(W(1), n); vf v = get(W(2), n);
    m += (g - m) * (float)(1 - c->d[0]); v += (g * g - v) * (float)(1 - c->d[1]); set(W(1), m, n); set(W(2), v, n);
    set(W(0), get(W(0), n) - m * S(4) / (vf_sqrt(v) + D(2)), n);)
#undef W
#undef S
#undef D
#undef G
