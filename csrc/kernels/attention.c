/* Attention tile by tile: a tile of queries meets a tile of keys, its scores live in the cache, and softmax's largest value
   and sum are carried from tile to tile (Milakov & Gimelshein 2018; Dao et al. 2022). The matrix of all scores never exists.
   Queries, keys and values lie as [B, T, heads, depth]; a group of query heads may share one key and value head. */
enum { ATT_Q = 48, ATT_K = 128, ATT_LD = 144 };              /* queries and keys of a tile; a row of scores in memory */
#define ATT_LOW -2.3819764e38f                             /* a masked score: a row without any other is the plain mean */

typedef struct { int64_t B, Tq, Tk, H, Hk, D, Dv, causal, masked, mb, mh, mq, block, room; float scale; } att;
static att att_read(const fd_call *c) {
    const int64_t *i = c->i;
    return (att){i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], i[12], i[13], (float)c->d[0]};
}
/* e^x for x <= 0: below the normal numbers it is 0; NaN runs through */
static inline vf att_exp(vf x) {
    vf scale, q = rnn_power(vf_sel((vi)(x < -88.f), vf_set1(-88.f), x), 1.44269504f, &scale);
    return q * scale + scale;
}
static inline int64_t att_columns(int64_t n) { return (n + NR - 1) / NR * NR; }
/* Tiles of keys, each as panels of its rows (x[key, column], row k of a panel one key) ... */
static void att_pack(float *to, const float *x, int64_t ld, int64_t T, int64_t D) {
    for (int64_t j = 0; j < T; j += ATT_K) {
        int64_t keys = T - j < ATT_K ? T - j : ATT_K;
        for (int64_t d = 0; d < D; d += NR) {
            int64_t n = D - d < NR ? D - d : NR;
            for (int64_t k = 0; k < keys; k++, to += NR) {
                for (int64_t e = 0; e < n; e++) to[e] = x[(j + k) * ld + d + e];
                for (int64_t e = n; e < NR; e++) to[e] = 0.f;
            }
        }
    }
}
/* ... and as panels of its columns (row d of a panel one feature of NR keys) */
static void att_turn(float *to, const float *x, int64_t ld, int64_t T, int64_t D) {
    for (int64_t j = 0; j < T; j += NR, to += D * NR)
        for (int64_t e = 0; e < NR; e++) {
            const float *row = x + (j + e) * ld;
            if (j + e < T) for (int64_t d = 0; d < D; d++) to[d * NR + e] = row[d];
            else for (int64_t d = 0; d < D; d++) to[d * NR + e] = 0.f;
        }
}
/* Which of the keys from j on query i of (b, h) may look at: lanes of a mask. */
static inline vi att_keep(const att *s, const uint8_t *row, int64_t i, int64_t j, int64_t n) {
    vi keep = vi_set1(-1);
    if (row) { uint8_t bytes[64] = {0}; memcpy(bytes, row + j, (size_t)n); keep = vb_load(bytes); }
    if (s->causal) keep = keep & (vi)(vi_iota() + (int32_t)j <= (int32_t)i);
    return keep;
}
/* How many keys the queries before `end` can see. */
static inline int64_t att_reach(const att *s, int64_t end) { return s->causal && end < s->Tk ? end : s->Tk; }
static inline int att_plain(const att *s, const uint8_t *mask, int64_t i, int64_t last) { return !mask && (!s->causal || last <= i); }

FD_KERNEL(attention) {   /* y[B, Tq, H, Dv], stats[B, H, Tq, 2], work[nt, room] | q, k, v, (mask) | see att_read | scale */
    const att s = att_read(c);
    float *y = c->p[0], *stats = c->p[1], *KT = (float *)c->p[2] + tid * s.room;
    const float *q = c->p[3], *k = c->p[4], *v = c->p[5];
    const uint8_t *mask = s.masked ? c->p[6] : NULL;
    int64_t cv = att_columns(s.Dv), qs = s.H * s.D, ks = s.Hk * s.D, vs = s.Hk * s.Dv, ys = s.H * s.Dv, lo, hi;
    int64_t blocks = (s.Tq + s.block - 1) / s.block;
    float *V = KT + att_columns(s.Tk) * s.D, *S = V + s.Tk * cv, top[ATT_Q], sum[ATT_Q];
    fd_share(s.B * s.H * blocks, 1, tid, nt, &lo, &hi);
    for (int64_t item = lo; item < hi; item++) {
        int64_t h = item / blocks % s.H, b = item / blocks / s.H, hk = h / (s.H / s.Hk), start = item % blocks * s.block;
        int64_t stop = start + s.block < s.Tq ? start + s.block : s.Tq, far = att_reach(&s, stop);
        att_turn(KT, k + b * s.Tk * ks + hk * s.D, ks, far, s.D);
        att_pack(V, v + b * s.Tk * vs + hk * s.Dv, vs, far, s.Dv);
        for (int64_t i = start; i < stop; i += ATT_Q) {
            int64_t M = stop - i < ATT_Q ? stop - i : ATT_Q, reach = att_reach(&s, i + M);
            float *yi = y + (b * s.Tq + i) * ys + h * s.Dv;
            for (int64_t j = 0; j < reach; j += ATT_K) {
                int64_t n = reach - j < ATT_K ? reach - j : ATT_K, held = far - j < ATT_K ? far - j : ATT_K;
                rnn_gemm(M, s.D, q + (b * s.Tq + i) * qs + h * s.D, qs, KT + j * s.D, n, S, ATT_LD, NULL, 0);
                for (int64_t r = 0; r < M; r++) {
                    float *row = S + r * ATT_LD;
                    const uint8_t *look = mask ? mask + b * s.mb + h * s.mh + (i + r) * s.mq : NULL;
                    int plain = att_plain(&s, look, i + r, j + n - 1);
                    vf most = vf_set1(ATT_LOW);
                    LANES(e, w, n) {
                        vf x = row_at(row, e, n, 0.f) * s.scale;
                        if (!plain) x = vf_sel(att_keep(&s, look, i + r, j + e, w), x, vf_set1(ATT_LOW));
                        if (w < VL) x = vf_sel((vi)(vi_iota() < (int32_t)w), x, vf_set1(-__builtin_inff()));
                        vf_store(row + e, x);
                        most = vf_max(most, x);
                    }
                    float m = vf_top(most), before = top[r];
                    if (j && before > m) m = before;
                    vf total = vf_set1(0.f);
                    for (int64_t e = 0; e < n; e += VL) {
                        vf p = att_exp(vf_load(row + e) - m);
                        total += p;
                        vf_store(row + e, p);
                    }
                    float t = vf_sum(total);
                    if (j && m != before) {
                        float back = att_exp(vf_set1(before - m))[0];
                        sum[r] *= back;
                        LANES(e, w, s.Dv) rnn_put(yi + r * ys + e, rnn_get(yi + r * ys + e, w) * back, w);
                    }
                    sum[r] = j ? sum[r] + t : t;
                    top[r] = m;
                }
                /* the packed tile may hold more keys than this row of tiles can see: their rows are left out */
                for (int64_t d = 0; d < s.Dv; d += NR)
                    rnn_gemm(M, n, S, ATT_LD, V + j * cv + d / NR * held * NR, s.Dv - d < NR ? s.Dv - d : NR, yi + d, ys, NULL, j > 0);
            }
            for (int64_t r = 0; r < M; r++) {
                float by = 1.f / sum[r], *to = stats + ((b * s.H + h) * s.Tq + i + r) * 2;
                LANES(e, w, s.Dv) rnn_put(yi + r * ys + e, rnn_get(yi + r * ys + e, w) * by, w);
                to[0] = top[r]; to[1] = by;
            }
        }
    }
}

FD_KERNEL(attention_grad) {   /* dq, dk, dv, work[nt, room] | g[B, Tq, H, Dv], q, k, v, y, stats, (mask) | see att_read | scale */
    const att s = att_read(c);
    float *dq = c->p[0], *dk = c->p[1], *dv = c->p[2], *KT = (float *)c->p[3] + tid * s.room;
    const float *g = c->p[4], *q = c->p[5], *k = c->p[6], *v = c->p[7], *y = c->p[8], *stats = c->p[9];
    const uint8_t *mask = s.masked ? c->p[10] : NULL;
    int64_t cd = att_columns(s.D), qs = s.H * s.D, ks = s.Hk * s.D, vs = s.Hk * s.Dv, ys = s.H * s.Dv, group = s.H / s.Hk, lo, hi;
    float *VT = KT + att_columns(s.Tk) * s.D, *K = VT + att_columns(s.Tk) * s.Dv, *S = K + s.Tk * cd, *P = S + ATT_Q * ATT_LD, delta[ATT_Q];
    rnn_ask *none = NULL;
    fd_share(s.B * s.Hk, 1, tid, nt, &lo, &hi);
    for (int64_t item = lo; item < hi; item++) {
        int64_t hk = item % s.Hk, b = item / s.Hk;
        const float *kb = k + b * s.Tk * ks + hk * s.D, *vb = v + b * s.Tk * vs + hk * s.Dv;
        float *dkb = dk + b * s.Tk * ks + hk * s.D, *dvb = dv + b * s.Tk * vs + hk * s.Dv;
        att_turn(KT, kb, ks, s.Tk, s.D);
        att_turn(VT, vb, vs, s.Tk, s.Dv);
        att_pack(K, kb, ks, s.Tk, s.D);
        for (int64_t j = 0; j < s.Tk; j++) { memset(dkb + j * ks, 0, (size_t)s.D * 4); memset(dvb + j * vs, 0, (size_t)s.Dv * 4); }
        for (int64_t h = hk * group; h < (hk + 1) * group; h++)
            for (int64_t i = 0; i < s.Tq; i += ATT_Q) {
                int64_t M = s.Tq - i < ATT_Q ? s.Tq - i : ATT_Q, reach = att_reach(&s, i + M);
                const float *qi = q + (b * s.Tq + i) * qs + h * s.D, *gi = g + (b * s.Tq + i) * ys + h * s.Dv, *yi = y + (b * s.Tq + i) * ys + h * s.Dv;
                const float *st = stats + ((b * s.H + h) * s.Tq + i) * 2;
                for (int64_t r = 0; r < M; r++) {
                    vf dot = vf_set1(0.f);
                    LANES(e, w, s.Dv) dot += rnn_get(gi + r * ys + e, w) * rnn_get(yi + r * ys + e, w);
                    delta[r] = vf_sum(dot);
                }
                for (int64_t j = 0; j < reach; j += ATT_K) {
                    int64_t n = reach - j < ATT_K ? reach - j : ATT_K, held = s.Tk - j < ATT_K ? s.Tk - j : ATT_K;
                    rnn_gemm(M, s.D, qi, qs, KT + j * s.D, n, P, ATT_LD, NULL, 0);
                    rnn_gemm(M, s.Dv, gi, ys, VT + j * s.Dv, n, S, ATT_LD, NULL, 0);
                    for (int64_t r = 0; r < M; r++) {
                        const uint8_t *look = mask ? mask + b * s.mb + h * s.mh + (i + r) * s.mq : NULL;
                        int plain = att_plain(&s, look, i + r, j + n - 1);
                        float m = st[2 * r], by = st[2 * r + 1];
                        LANES(e, w, n) {
                            float *pp = P + r * ATT_LD + e, *ss = S + r * ATT_LD + e;
                            vf x = rnn_get(pp, w) * s.scale, d;
                            vi keep = vi_set1(-1);
                            if (!plain) { keep = att_keep(&s, look, i + r, j + e, w); x = vf_sel(keep, x, vf_set1(ATT_LOW)); }
                            x = att_exp(x - m) * by;
                            d = x * (rnn_get(ss, w) - delta[r]) * s.scale;
                            rnn_put(pp, x, w);
                            rnn_put(ss, plain ? d : vf_sel(keep, d, vf_set1(0.f)), w);
                        }
                    }
                    for (int64_t d = 0; d < s.D; d += NR)
                        rnn_gemm(M, n, S, ATT_LD, K + j * cd + d / NR * held * NR, s.D - d < NR ? s.D - d : NR, dq + (b * s.Tq + i) * qs + h * s.D + d, qs, NULL, j > 0);
                    rnn_outer(1, M, n, P, 0, ATT_LD, s.Dv, gi, 0, ys, dvb + j * vs, vs, &none);
                    rnn_outer(1, M, n, S, 0, ATT_LD, s.D, qi, 0, qs, dkb + j * ks, ks, &none);
                }
            }
    }
}
