/* Recurrent layers over a whole sequence. The batch is cut into slices of at most 16 rows, fixed by the shape; a thread
   runs all the time steps of a slice without a barrier. The weights' gradients gather chunk of steps by chunk, while
   everything is in the cache, into a partial sum, and add_slices adds the partial sums in their order: the bits do not
   depend on the threads. Backwards, a chunk begins with all that does not depend on the gradients (..._again): its states
   are made once more from those before it, so that forwards little is written, and that little is read in its order. */

/* One row's gates, z = [i f g o] before the activations; c and o in place. */
static void lstm_row(int64_t H, float *z, float *c, float *gates) {
    LANES(j, n, H) {
        vf i = rnn_sigmoid(rnn_get(z + j, n)), f = rnn_sigmoid(rnn_get(z + H + j, n));
        vf g = rnn_tanh(rnn_get(z + 2 * H + j, n)), o = rnn_sigmoid(rnn_get(z + 3 * H + j, n));
        rnn_put(c + j, f * rnn_get(c + j, n) + i * g, n);
        rnn_put(z + 3 * H + j, o, n);
        if (gates) { rnn_put(gates + j, i, n); rnn_put(gates + H + j, f, n); rnn_put(gates + 2 * H + j, g, n); rnn_put(gates + 3 * H + j, o, n); }
    }
}
/* h = o tanh(c), y a copy: a loop of its own, for the processor to have several rows of the long chain of operations under way */
static void lstm_out(int64_t H, const float *o, const float *c, float *h, float *y) {
    LANES(j, n, H) {
        vf out = rnn_get(o + j, n) * rnn_tanh(rnn_get(c + j, n));
        rnn_put(h + j, out, n);
        rnn_put(y + j, out, n);
    }
}

FD_KERNEL(lstm) {   /* hs[B, T, H], h[B, H], c[B, H], (kept), work | x, h0, c0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi;
    float *hs = c->p[q++], *hn = c->p[q++], *cn = c->p[q++], *kept = s.flags & RNN_KEEP ? c->p[q++] : NULL, *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *c0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h, *cell = h + 2 * s.hs;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            rnn_copy(cell + r * s.ldh, c0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            float *keep = kept ? rnn_kept(&s, kept, b0, R, s0, 2 * H, 4 * H) : NULL;
            if (keep) for (int64_t r = 0; r < R; r++, keep += 2 * H) {
                rnn_copy(keep, h + r * s.ldh, H);
                rnn_copy(keep + H, cell + r * s.ldh, H);
            }
            if (!s.joint) rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, 4 * H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = s.joint ? z : z + (t - s0) * s.zs;
                if (s.joint) {                          /* a row is [h x], and so are the weights */
                    for (int64_t r = 0; r < R; r++) rnn_copy(hd + r * s.ldh + H, x + ((b0 + r) * s.T + rnn_time(&s, t)) * s.F, s.F);
                    rnn_gemm_ask(R, H + s.F, hd, s.ldh, work + s.at_u, 4 * H, zt, s.ldz, bias, 0, keep, keep ? R * 4 * H : 0);
                } else rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 4 * H, zt, s.ldz, NULL, 1, keep, keep ? R * 4 * H : 0);
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    rnn_ahead_write(hs + (b * s.T + t + 1) * H, H);
                    if (s.joint) rnn_ahead(x + (b * s.T + rnn_time(&s, t) + (s.flags & RNN_BACK ? -8 : 8)) * s.F, s.F);
                    if (rnn_on(&s, mask, b, t)) lstm_row(H, zt + r * s.ldz, cell + r * s.ldh, keep);
                    else if (keep) memset(keep, 0, (size_t)H * 16);
                    if (keep) keep += 4 * H;
                }
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    if (rnn_on(&s, mask, b, t)) {
                        lstm_out(H, zt + r * s.ldz + 3 * H, cell + r * s.ldh, hr, y);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    } else if (seen[r]) rnn_copy(y, hr, H);
                    else rnn_zero(y, H);
                }
            }
        }
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
            rnn_copy(cn + (b0 + r) * H, cell + r * s.ldh, H);
        }
    }
}

/* A row's states again from those before the chunk, and all that its gradient needs and does not depend on: dz = [i f g o] is to be
   multiplied by the gradient of c (of h, for o), which is dc + dh out; pass is what goes on to the step before. */
static void lstm_again(const rnn *s, int64_t R, int64_t steps, const uint8_t *on, const float *state, const float *gates, const float *drop,
                       float *dz, float *hp, float *out, float *pass) {
    int64_t H = s->H;
    LANES(j, n, H) {
        vf h = rnn_get(state + j, n), c = rnn_get(state + H + j, n), k = drop ? rnn_get(drop + j, n) : vf_set1(1.f);
        const float *at = gates + j;
        float *z = dz + j;
        for (int64_t t = 0, e = j; t < steps; t++, e += s->hs, z += s->zs, at += R * 4 * H) {
            vf i = rnn_get(at, n), f = rnn_get(at + H, n), g = rnn_get(at + 2 * H, n), o = rnn_get(at + 3 * H, n), before = c;
            rnn_put(hp + e, h * k, n);
            if (!on[t]) { i = g = o = vf_set1(0.f); f = vf_set1(1.f); }
            c = f * c + i * g;
            vf tanh = rnn_tanh(c);
            if (on[t]) h = o * tanh;
            rnn_put(z, i * (1.f - i) * g, n);
            rnn_put(z + H, f * (1.f - f) * before, n);
            rnn_put(z + 2 * H, i * (1.f - g * g), n);
            rnn_put(z + 3 * H, o * (1.f - o) * tanh, n);
            rnn_put(out + e, o * (1.f - tanh * tanh), n);
            rnn_put(pass + e, f, n);
        }
    }
}
/* A step's gradient of c, in the place of `out`; dc becomes that of the step before. */
static void lstm_cell_grad(const rnn *s, int64_t R, const float *dh, float *dc, float *out, const float *pass) {
    for (int64_t r = 0; r < R; r++, dh += s->ldh, dc += s->ldh, out += s->ldh, pass += s->ldh)
        LANES(j, n, s->H) {
            vf e = rnn_get(dc + j, n) + rnn_get(dh + j, n) * rnn_get(out + j, n);
            rnn_put(out + j, e, n);
            rnn_put(dc + j, e * rnn_get(pass + j, n), n);
        }
}

FD_KERNEL(lstm_grad) {   /* (dx), dh0, dc0, work | x, kept, (ghs), (gh), (gc), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi, size = (F + H + 1) * 4 * H;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *dc0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++]; float *kept = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL, *gc = s.flags & RNN_GC ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *out = hp + s.steps * s.hs, *pass = out + s.steps * s.hs;
    float *dh = pass + s.steps * s.hs, *dc = dh + s.hs, *tmp = dc + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * 4 * H, *db = du + H * 4 * H;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                if (gc) rnn_copy(dc + r * s.ldh, gc + (b0 + r) * H, H); else memset(dc + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                const float *keep = rnn_kept(&s, kept, b0, R, s0, 2 * H, 4 * H);
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, kept, b0, R, s0, 2 * H, 4 * H);
                uint8_t on[RNN_ROWS][RNN_STEPS];
                for (int64_t r = 0; r < R; r++) {
                    for (int64_t t = 0; t < steps; t++) on[r][t] = (uint8_t)rnn_on(&s, mask, b0 + r, s0 + t);
                    lstm_again(&s, R, steps, on[r], keep + r * 2 * H, keep + (R + 2 * r) * 2 * H, drop ? drop + (b0 + r) * H : NULL,
                               dz + r * s.ldz, hp + r * s.ldh, out + r * s.ldh, pass + r * s.ldh);
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    float *zt = dz + t * s.zs, *et = out + t * s.hs;
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    lstm_cell_grad(&s, R, dh, dc, et, pass + t * s.hs);
                    for (int64_t g = 0; g < 4; g++) rnn_scale(R, H, zt + g * H, s.ldz, g < 3 ? et : dh, s.ldh, db + g * H);
                    if (mask) for (int64_t r = 0; r < R; r++) if (on[r][t]) rnn_zero(dh + r * s.ldh, H);
                    rnn_state_grad(&s, R, 4 * H, zt, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, mask != NULL);
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, 4 * H, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, 4 * H, dw, 4 * H, &asks);
                rnn_outer(R, steps, H, hp, s.ldh, s.hs, 4 * H, dz, s.ldz, s.zs, du, 4 * H, &asks);
            }
            for (int64_t r = 0; r < R; r++) {
                rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
                rnn_copy(dc0 + (b0 + r) * H, dc + r * s.ldh, H);
            }
        }
    }
}

/* One row's gates [z r g], and the state: h = z h + (1 - z) g, y a copy. rec is the state's product of the candidate (reset after). */
static void gru_row(int64_t H, const float *z, const float *rec, int after, float *h, float *y, float *gates) {
    LANES(j, n, H) {
        vf u, r, g, p = vf_set1(0.f), a = rnn_get(z + 2 * H + j, n);
        if (after) {
            p = rnn_get(rec + 2 * H + j, n);
            u = rnn_sigmoid(rnn_get(z + j, n) + rnn_get(rec + j, n));
            r = rnn_sigmoid(rnn_get(z + H + j, n) + rnn_get(rec + H + j, n));
            g = rnn_tanh(a + r * p);
        } else { u = rnn_get(z + j, n); r = rnn_get(z + H + j, n); g = rnn_tanh(a); }
        vf out = u * rnn_get(h + j, n) + (1.f - u) * g;
        rnn_put(h + j, out, n);
        rnn_put(y + j, out, n);
        if (gates) {
            rnn_put(gates + j, u, n); rnn_put(gates + H + j, r, n); rnn_put(gates + 2 * H + j, g, n);
            if (after) rnn_put(gates + 3 * H + j, p, n);
        }
    }
}
/* The gates in place, and r h, the candidate's operand (reset before). */
static void gru_reset(int64_t H, float *z, const float *h, float *rh) {
    LANES(j, n, H) {
        vf u = rnn_sigmoid(rnn_get(z + j, n)), r = rnn_sigmoid(rnn_get(z + H + j, n));
        rnn_put(z + j, u, n); rnn_put(z + H + j, r, n);
        rnn_put(rh + j, r * rnn_get(h + j, n), n);
    }
}

FD_KERNEL(gru) {    /* hs[B, T, H], h[B, H], (kept), work | x, h0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi; int after = (s.flags & RNN_AFTER) != 0, width = after ? 4 : 3;
    float *hs = c->p[q++], *hn = c->p[q++], *kept = s.flags & RNN_KEEP ? c->p[q++] : NULL, *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h, *rh = h + 2 * s.hs, *rec = h + 3 * s.hs;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            float *keep = kept ? rnn_kept(&s, kept, b0, R, s0, H, width * H) : NULL;
            if (keep) for (int64_t r = 0; r < R; r++, keep += H) rnn_copy(keep, h + r * s.ldh, H);
            rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, 3 * H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = z + (t - s0) * s.zs;
                if (after) rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 3 * H, rec, s.ldz, bias + 3 * H, 0, keep, keep ? R * width * H : 0);
                else {
                    rnn_gemm_ask(R, H, hd, s.ldh, work + s.at_u, 2 * H, zt, s.ldz, NULL, 1, keep, keep ? R * width * H : 0);
                    for (int64_t r = 0; r < R; r++) gru_reset(H, zt + r * s.ldz, hd + r * s.ldh, rh + r * s.ldh);
                    rnn_gemm(R, H, rh, s.ldh, work + s.at_u2, H, zt + 2 * H, s.ldz, NULL, 1);
                }
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    rnn_ahead_write(y + H, H);
                    if (rnn_on(&s, mask, b, t)) {
                        gru_row(H, zt + r * s.ldz, rec + r * s.ldz, after, hr, y, keep);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    } else {
                        if (keep) memset(keep, 0, (size_t)(width * H) * 4);
                        if (seen[r]) rnn_copy(y, hr, H); else rnn_zero(y, H);
                    }
                    if (keep) keep += width * H;
                }
            }
        }
        for (int64_t r = 0; r < R; r++) rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
    }
}

/* As lstm_again: dz = [candidate, z, r, (candidate's state product)] is to be multiplied by dh, whose part `pass` goes on to the step
   before. Reset before: dz's r by the gradient of rh = r h, whose part `reset` goes on to the state. */
static void gru_again(const rnn *s, int64_t R, int64_t steps, const uint8_t *on, const float *state, const float *gates, const float *drop,
                      float *dz, float *hp, float *pass, float *rh, float *reset) {
    int64_t H = s->H, width = (s->flags & RNN_AFTER) ? 4 : 3;
    LANES(j, n, H) {
        vf h = rnn_get(state + j, n), k = drop ? rnn_get(drop + j, n) : vf_set1(1.f);
        const float *at = gates + j;
        float *z = dz + j;
        for (int64_t t = 0, e = j; t < steps; t++, e += s->hs, z += s->zs, at += R * width * H) {
            vf u = rnn_get(at, n), r = rnn_get(at + H, n), g = rnn_get(at + 2 * H, n), hd = h * k;
            if (!on[t]) { r = g = vf_set1(0.f); u = vf_set1(1.f); }
            vf own = (1.f - u) * (1.f - g * g), dr = r * (1.f - r);
            rnn_put(hp + e, hd, n);
            rnn_put(z, own, n);
            rnn_put(z + H, (h - g) * u * (1.f - u), n);
            rnn_put(pass + e, u, n);
            if (width == 4) {
                rnn_put(z + 2 * H, own * rnn_get(at + 3 * H, n) * dr, n);
                rnn_put(z + 3 * H, own * r, n);
            } else {
                rnn_put(z + 2 * H, hd * dr, n);
                rnn_put(rh + e, hd * r, n);
                rnn_put(reset + e, r, n);
            }
            if (on[t]) h = u * h + (1.f - u) * g;
        }
    }
}
static void rnn_times(const rnn *s, int64_t R, float *d, const float *k) {
    for (int64_t r = 0; r < R; r++) rnn_drop(d + r * s->ldh, d + r * s->ldh, k + r * s->ldh, s->H);
}

FD_KERNEL(gru_grad) {    /* (dx), dh0, work | x, kept, (ghs), (gh), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi; int after = (s.flags & RNN_AFTER) != 0, width = after ? 4 : 3;
    int64_t N = 3 * H, size = (F + H + (after ? 2 : 1)) * N;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++]; float *kept = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *pass = hp + s.steps * s.hs;
    float *rh = pass + s.steps * s.hs, *reset = rh + s.steps * s.hs, *dh = reset + s.steps * s.hs, *tmp = dh + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * N, *db = du + H * N;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                const float *keep = rnn_kept(&s, kept, b0, R, s0, H, width * H);
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, kept, b0, R, s0, H, width * H);
                for (int64_t r = 0; r < R; r++) {
                    uint8_t on[RNN_STEPS];
                    for (int64_t t = 0; t < steps; t++) on[t] = (uint8_t)rnn_on(&s, mask, b0 + r, s0 + t);
                    gru_again(&s, R, steps, on, keep + r * H, keep + (R + width * r) * H, drop ? drop + (b0 + r) * H : NULL,
                              dz + r * s.ldz, hp + r * s.ldh, pass + r * s.ldh, rh + r * s.ldh, reset + r * s.ldh);
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    float *zt = dz + t * s.zs;
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    rnn_scale(R, H, zt, s.ldz, dh, s.ldh, db + 2 * H);
                    rnn_scale(R, H, zt + H, s.ldz, dh, s.ldh, db);
                    if (after) {
                        rnn_scale(R, H, zt + 2 * H, s.ldz, dh, s.ldh, db + H);
                        rnn_scale(R, H, zt + 3 * H, s.ldz, dh, s.ldh, db + N + 2 * H);
                        rnn_times(&s, R, dh, pass + t * s.hs);
                        rnn_state_grad(&s, R, N, zt + H, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, 1);
                    } else {
                        rnn_times(&s, R, dh, pass + t * s.hs);
                        rnn_gemm(R, H, zt, s.ldz, work + s.at_u2, H, tmp, s.ldh, NULL, 0);
                        rnn_scale(R, H, zt + 2 * H, s.ldz, tmp, s.ldh, db + H);
                        rnn_times(&s, R, tmp, reset + t * s.hs);
                        rnn_gemm(R, 2 * H, zt + H, s.ldz, work + s.at_u, H, tmp, s.ldh, NULL, 1);
                        for (int64_t r = 0; r < R; r++) {
                            if (drop) rnn_drop(tmp + r * s.ldh, tmp + r * s.ldh, drop + (b0 + r) * H, H);
                            rnn_gain(dh + r * s.ldh, tmp + r * s.ldh, H);
                        }
                    }
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, N, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz + H, 2 * H, dw, N, &asks);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, H, dw + 2 * H, N, &asks);
                if (after) rnn_outer(R, steps, H, hp, s.ldh, s.hs, N, dz + H, s.ldz, s.zs, du, N, &asks);
                else {
                    rnn_outer(R, steps, H, hp, s.ldh, s.hs, 2 * H, dz + H, s.ldz, s.zs, du, N, &asks);
                    rnn_outer(R, steps, H, rh, s.ldh, s.hs, H, dz, s.ldz, s.zs, du + 2 * H, N, &asks);
                }
            }
            for (int64_t r = 0; r < R; r++) rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
        }
        if (after) memcpy(db + N, db, (size_t)H * 8);       /* z and r have one sum for both biases */
    }
}

static inline vf simple_act(vf z, int act) { return act == 3 ? rnn_tanh(z) : act == 1 ? vf_sel((vi)(z < 0.f), vf_set1(0.f), z) : z; }
static inline vf simple_slope(vf y, int act) { return act == 3 ? 1.f - y * y : act == 1 ? vf_sel((vi)(y > 0.f), vf_set1(1.f), vf_set1(0.f)) : vf_set1(1.f); }

FD_KERNEL(simple_rnn) {   /* hs[B, T, H], h[B, H], work | x, h0, b, (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, q = 0, lo, hi; int act = s.flags / RNN_ACT;
    float *hs = c->p[q++], *hn = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *bias = c->p[q++];
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *z = work + s.at_local + tid * s.local, *h = z + s.steps * s.zs, *hd = drop ? h + s.hs : h;
    fd_share(s.slices, 1, tid, nt, &lo, &hi);
    for (int64_t k = lo; k < hi; k++) {
        int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, seen[RNN_ROWS];
        for (int64_t r = 0; r < R; r++) {
            rnn_copy(h + r * s.ldh, h0 + (b0 + r) * H, H);
            if (drop) rnn_drop(hd + r * s.ldh, h + r * s.ldh, drop + (b0 + r) * H, H);
            seen[r] = 0;
        }
        for (int64_t s0 = 0; s0 < s.T; s0 += s.steps) {
            int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
            rnn_project(&s, x, b0, R, s0, steps, work + s.at_w, H, bias, z);
            for (int64_t t = s0; t < s0 + steps; t++) {
                float *zt = z + (t - s0) * s.zs;
                rnn_gemm(R, H, hd, s.ldh, work + s.at_u, H, zt, s.ldz, NULL, 1);
                for (int64_t r = 0; r < R; r++) {
                    int64_t b = b0 + r;
                    float *hr = h + r * s.ldh, *y = hs + (b * s.T + t) * H;
                    rnn_ahead_write(y + H, H);
                    if (rnn_on(&s, mask, b, t)) {
                        LANES(j, n, H) rnn_put(hr + j, simple_act(rnn_get(zt + r * s.ldz + j, n), act), n);
                        if (drop) rnn_drop(hd + r * s.ldh, hr, drop + b * H, H);
                        seen[r] = 1;
                    }
                    if (seen[r]) rnn_copy(y, hr, H); else rnn_zero(y, H);
                }
            }
        }
        for (int64_t r = 0; r < R; r++) rnn_copy(hn + (b0 + r) * H, h + r * s.ldh, H);
    }
}

FD_KERNEL(simple_rnn_grad) {   /* (dx), dh0, work | x, h0, hs, (ghs), (gh), (mask), (drop) | see rnn_read */
    const rnn s = rnn_read(c); int64_t H = s.H, F = s.F, q = 0, lo, hi, size = (F + H + 1) * H; int act = s.flags / RNN_ACT;
    float *dx = s.flags & RNN_DX ? c->p[q++] : NULL, *dh0 = c->p[q++], *work = c->p[q++];
    const float *x = c->p[q++], *h0 = c->p[q++], *hs = c->p[q++];
    const float *ghs = s.flags & RNN_GHS ? c->p[q++] : NULL, *gh = s.flags & RNN_GH ? c->p[q++] : NULL;
    const uint8_t *mask = s.flags & RNN_MASK ? c->p[q++] : NULL;
    const float *drop = s.flags & RNN_DROP ? c->p[q++] : NULL;
    float *dz = work + s.at_local + tid * s.local, *hp = dz + s.steps * s.zs, *dh = hp + s.steps * s.hs, *tmp = dh + s.hs;
    fd_share(s.parts, 1, tid, nt, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *dw = work + s.at_parts + p * size, *du = dw + F * H, *db = du + H * H;
        memset(dw, 0, (size_t)size * 4);
        for (int64_t k = s.slices * p / s.parts; k < s.slices * (p + 1) / s.parts; k++) {
            int64_t b0 = s.B * k / s.slices, R = s.B * (k + 1) / s.slices - b0, first[RNN_ROWS];
            for (int64_t r = 0; r < R; r++) {
                if (gh) rnn_copy(dh + r * s.ldh, gh + (b0 + r) * H, H); else memset(dh + r * s.ldh, 0, (size_t)H * 4);
                first[r] = rnn_first(&s, mask, b0 + r);
            }
            for (int64_t s0 = (s.T - 1) / s.steps * s.steps; s0 >= 0; s0 -= s.steps) {
                int64_t steps = s.T - s0 < s.steps ? s.T - s0 : s.steps;
                rnn_ask list[5], *asks = list;
                rnn_before(&s, list, x, dx, ghs, NULL, b0, R, s0, 0, 0);
                for (int64_t r = 0; r < R; r++) {
                    for (int64_t t = 0; t < steps; t++) {
                        const float *y = hs + ((b0 + r) * s.T + s0 + t) * H;
                        float *zr = dz + t * s.zs + r * s.ldz;
                        rnn_drop(hp + t * s.hs + r * s.ldh, s0 + t > first[r] ? y - H : h0 + (b0 + r) * H, drop ? drop + (b0 + r) * H : NULL, H);
                        if (rnn_on(&s, mask, b0 + r, s0 + t)) LANES(j, n, H) rnn_put(zr + j, simple_slope(rnn_get(y + j, n), act), n);
                        else rnn_zero(zr, H);
                    }
                }
                for (int64_t t = steps - 1; t >= 0; t--) {
                    if (ghs) for (int64_t r = 0; r < R; r++) if (s0 + t >= first[r]) rnn_gain(dh + r * s.ldh, ghs + ((b0 + r) * s.T + s0 + t) * H, H);
                    rnn_scale(R, H, dz + t * s.zs, s.ldz, dh, s.ldh, db);
                    if (mask) for (int64_t r = 0; r < R; r++) if (rnn_on(&s, mask, b0 + r, s0 + t)) rnn_zero(dh + r * s.ldh, H);
                    rnn_state_grad(&s, R, H, dz + t * s.zs, work + s.at_u, dh, tmp, drop ? drop + b0 * H : NULL, mask != NULL);
                }
                if (dx) rnn_input_grad(&s, dx, b0, R, s0, steps, work + s.at_w, H, dz);
                rnn_weight_grad(&s, x, b0, R, s0, steps, dz, H, dw, H, &asks);
                rnn_outer(R, steps, H, hp, s.ldh, s.hs, H, dz, s.ldz, s.zs, du, H, &asks);
            }
            for (int64_t r = 0; r < R; r++) rnn_copy(dh0 + (b0 + r) * H, dh + r * s.ldh, H);
        }
    }
}
