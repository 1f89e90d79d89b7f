/* y[k] = f(x[k]) and y = f(a, b) with broadcasting strides. Every element goes through a whole vector. */
enum { EW_BLOCK = 4096 };

#define UNARY(name, expr)                                                                       \
FD_KERNEL(name) {                          /* y[n] | x[n] | n | p0, p1 */                        \
    float *y = c->p[0]; const float *x = c->p[1];                                                \
    vf p0 = vf_set1((float)c->d[0]), p1 = vf_set1((float)c->d[1]);                               \
    (void)p0; (void)p1;                                                                          \
    int64_t lo, hi; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);                              \
    for (int64_t k = lo; k < hi; k += VL) {                                                      \
        int64_t n = hi - k;                                                                      \
        vf v = n >= VL ? vf_load(x + k) : vf_loadn(x + k, n);                                    \
        vf r = expr;                                                                             \
        if (n >= VL) vf_store(y + k, r); else vf_storen(y + k, r, n);                            \
    }                                                                                            \
}
static inline vf each(vf v, float (*f)(float)) { for (int k = 0; k < VL; k++) v[k] = f(v[k]); return v; }
static inline vf vsign(vf v) { vf z = vf_set1(0.f); return vf_sel((vi)(v > 0.f), vf_set1(1.f), vf_sel((vi)(v < 0.f), vf_set1(-1.f), vf_sel((vi)(v != v), v, z))); }
static inline vf vrelu(vf v) { return vf_sel((vi)(v < 0.f), vf_set1(0.f), v); }
static inline vf vsoftplus(vf v) {         /* max(v,0) + log1p(exp(-|v|)) */
    vf e = vf_exp(-vf_abs(v)), u = 1.f + e;
    vf l = vf_sel((vi)(u == 1.f), e, vf_log(u) * (e / (u - vf_sel((vi)(u == 1.f), vf_set1(0.f), vf_set1(1.f)))));
    return vrelu(v) + l;
}
static inline vf vgelu(vf v) { return 0.5f * v * (1.f + each(v * 0.70710678118654752f, erff)); }
static inline vf vgelu_tanh(vf v) { return 0.5f * v * (1.f + vf_tanh(0.79788456080286536f * (v + 0.044715f * v * v * v))); }

UNARY(neg, -v)
UNARY(abs_, vf_abs(v))
UNARY(sign, vsign(v))
UNARY(square, v * v)
UNARY(sqrt_, vf_sqrt(v))
UNARY(rsqrt, 1.f / vf_sqrt(v))
UNARY(exp_, vf_exp(v))
UNARY(expm1_, each(v, expm1f))
UNARY(log_, vf_log(v))
UNARY(log1p_, each(v, log1pf))
UNARY(sin_, each(v, sinf))
UNARY(cos_, each(v, cosf))
UNARY(tanh_, vf_tanh(v))
UNARY(sigmoid, vf_sigmoid(v))
UNARY(erf_, each(v, erff))
UNARY(floor_, each(v, floorf))
UNARY(ceil_, each(v, ceilf))
UNARY(round_, each(v, rintf))
UNARY(softplus, vsoftplus(v))
UNARY(relu, vrelu(v))
UNARY(leaky_relu, vf_sel((vi)(v < 0.f), v * p0, v))
UNARY(elu, vf_sel((vi)(v < 0.f), p0 * each(v, expm1f), v))
UNARY(selu, 1.0507009873554805f * vf_sel((vi)(v < 0.f), 1.6732632423543772f * each(v, expm1f), v))
UNARY(gelu, vgelu(v))
UNARY(gelu_tanh, vgelu_tanh(v))
UNARY(silu, v * vf_sigmoid(v))
UNARY(hard_sigmoid, vf_sel((vi)(v <= -3.f), vf_set1(0.f), vf_sel((vi)(v >= 3.f), vf_set1(1.f), v * 0.16666666666666666f + 0.5f)))
UNARY(clip, vf_sel((vi)(v < p0), p0, vf_sel((vi)(v > p1), p1, v)))

/* z = f(a, b): ints rank, n[6], sa[6], sb[6] (strides in elements, 0 broadcasts); the last axis is innermost */
#define BINARY(name, otype, expr, STORE)                                                         \
FD_KERNEL(name) {                                                                                \
    otype *z = c->p[0]; const float *a = c->p[1], *b = c->p[2];                                  \
    vf p0 = vf_set1((float)c->d[0]); (void)p0;                                                   \
    int rank = (int)c->i[0];                                                                     \
    const int64_t *n = c->i + 1, *sa = c->i + 7, *sb = c->i + 13;                                \
    int64_t inner = n[rank - 1], outer = 1, ia = sa[rank - 1], ib = sb[rank - 1];                \
    for (int k = 0; k < rank - 1; k++) outer *= n[k];                                            \
    int64_t chunk = (inner + EW_BLOCK - 1) / EW_BLOCK, lo, hi;                                   \
    int64_t step = (EW_BLOCK + inner - 1) / inner;                                               \
    fd_share(outer * chunk, step, tid, nt, &lo, &hi);                                            \
    for (int64_t t = lo; t < hi; t++) {                                                          \
        int64_t row = t / chunk, from = t % chunk * EW_BLOCK, at = 0, bt = 0, rest = row;        \
        for (int k = rank - 2; k >= 0; k--) { int64_t q = rest % n[k]; rest /= n[k]; at += q * sa[k]; bt += q * sb[k]; } \
        int64_t to = from + EW_BLOCK < inner ? from + EW_BLOCK : inner;                          \
        const float *pa = a + at, *pb = b + bt; otype *pz = z + row * inner;                     \
        vf ca = vf_set1(pa[0]), cb = vf_set1(pb[0]);                                             \
        for (int64_t k = from; k < to; k += VL) {                                                \
            int64_t m = to - k < VL ? to - k : VL;                                               \
            vf x = !ia ? ca : m == VL ? vf_load(pa + k) : vf_loadn(pa + k, m);                   \
            vf y = !ib ? cb : m == VL ? vf_load(pb + k) : vf_loadn(pb + k, m);                   \
            STORE(pz + k, expr, m);                                                              \
        }                                                                                        \
    }                                                                                            \
}
static inline void put(float *p, vf r, int64_t m) { if (m == VL) vf_store(p, r); else vf_storen(p, r, m); }
static inline void put_mask(uint8_t *p, vi r, int64_t m) { for (int64_t k = 0; k < m; k++) p[k] = r[k] != 0; }
static inline vf vpow(vf x, vf y) { for (int k = 0; k < VL; k++) x[k] = powf(x[k], y[k]); return x; }
static inline vf vgelu_grad(vf g, vf x) {
    return g * (0.5f * (1.f + each(x * 0.70710678118654752f, erff)) + x * 0.3989422804014327f * vf_exp(-0.5f * x * x));
}
BINARY(add, float, x + y, put)
BINARY(sub, float, x - y, put)
BINARY(mul, float, x * y, put)
BINARY(div_, float, x / y, put)
BINARY(maximum, float, vf_max(x, y), put)
BINARY(minimum, float, vf_min(x, y), put)
BINARY(power, float, vpow(x, y), put)
BINARY(scale_add, float, p0 * x + y, put)
BINARY(relu_grad, float, vf_sel((vi)(y > 0.f), x, vf_set1(0.f)), put)
BINARY(tanh_grad, float, x * (1.f - y * y), put)
BINARY(sigmoid_grad, float, x * y * (1.f - y), put)
BINARY(gelu_grad, float, vgelu_grad(x, y), put)
BINARY(equal, uint8_t, (vi)(x == y), put_mask)
BINARY(not_equal, uint8_t, (vi)(x != y), put_mask)
BINARY(less, uint8_t, (vi)(x < y), put_mask)
BINARY(less_equal, uint8_t, (vi)(x <= y), put_mask)
BINARY(greater, uint8_t, (vi)(x > y), put_mask)
BINARY(greater_equal, uint8_t, (vi)(x >= y), put_mask)

#define CAST(name, to, from, expr)                                                               \
FD_KERNEL(name) {                                                                                \
    to *y = c->p[0]; const from *x = c->p[1];                                                    \
    int64_t lo, hi; fd_share(c->i[0], EW_BLOCK, tid, nt, &lo, &hi);                              \
    for (int64_t k = lo; k < hi; k++) y[k] = expr;                                               \
}
CAST(cast_i32_f32, float, int32_t, (float)x[k])
CAST(cast_f32_i32, int32_t, float, x[k] != x[k] ? 0 : x[k] >= 2147483648.f || x[k] < -2147483648.f ? INT32_MIN : (int32_t)x[k])
CAST(cast_bool_f32, float, uint8_t, (float)(x[k] != 0))
CAST(cast_f32_bool, uint8_t, float, x[k] != 0.f)
CAST(cast_bool_i32, int32_t, uint8_t, x[k] != 0)
CAST(cast_i32_bool, uint8_t, int32_t, x[k] != 0)
