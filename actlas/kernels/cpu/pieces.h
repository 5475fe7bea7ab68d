/* A few polynomials side by side, chosen by comparisons: no memory but x and the result.
   One loop for each number of knots and each degree, both known to the compiler. */

/* In this order NaN stays, and it is one machine instruction, as long as the bound is unknown. */
static inline float at_least(float low, float v) { return low > v ? low : v; }
static inline float at_most(float high, float v) { return high < v ? high : v; }

/* Infinite x stays infinite where the function goes on; a coefficient that is zero meets a finite
   number instead, for 0 * inf is none. */
static inline __attribute__((always_inline)) void
evaluate(const Pieces *from, const float *x, const float *factor, float *y, int n, const int knots,
         const int degree) {
  const Pieces p = *from;
  EACH {
    const float v = x[i];
    float c0 = p.row[0][0], c1 = p.row[1][0], c2 = p.row[2][0], c3 = p.row[3][0];
    for (int k = 0; k < knots; k++) {
      const int beyond = v >= p.knot[k];
      c0 = beyond ? p.row[0][k + 1] : c0;
      if (degree > 0) c1 = beyond ? p.row[1][k + 1] : c1;
      if (degree > 1) c2 = beyond ? p.row[2][k + 1] : c2;
      if (degree > 2) c3 = beyond ? p.row[3][k + 1] : c3;
    }
    const float u = at_most(p.high, at_least(p.low, v)) - p.anchor;
    const float finite = at_most(p.largest, at_least(-p.largest, u));
    if (degree > 2) c2 = c2 + finite * c3;
    if (degree > 1) c1 = c1 + finite * c2;
    const float value = degree > 0 ? c0 + u * c1 : v != v ? v : c0;
    y[i] = factor ? value * factor[i] : value;
  }
}

#define DEGREES(k)                                                                                \
  case 4 * (k): evaluate(p, x, factor, y, n, k, 0); return;                                       \
  case 4 * (k) + 1: evaluate(p, x, factor, y, n, k, 1); return;                                   \
  case 4 * (k) + 2: evaluate(p, x, factor, y, n, k, 2); return;                                   \
  case 4 * (k) + 3: evaluate(p, x, factor, y, n, k, 3); return;

/* y = p(x), or p(x) * factor. */
static void run_pieces(const Pieces *p, const float *x, const float *factor, float *y, int n) {
  switch (4 * p->knots + p->degree) { DEGREES(0) DEGREES(1) DEGREES(2) DEGREES(3) DEGREES(4) }
}
