/* A few polynomials side by side, chosen by comparisons: no memory but x and the result.
   One loop for each number of knots and each degree, both known to the compiler. */

/* In this order NaN stays, and it is one machine instruction, as long as the bound is unknown. */
static inline float at_least(float low, float v) { return low > v ? low : v; }
static inline float at_most(float high, float v) { return high < v ? high : v; }

/* What a loop can leave out where it changes nothing, known to the compiler too. */
enum { MOVES = 1 /* x is clamped, or the anchor is not 0 */, LIFTS = 2 /* the constant terms differ */ };

/* Infinite x stays infinite where the function goes on; a coefficient that is zero meets a finite
   number instead, for 0 * inf is none. */
static inline __attribute__((always_inline)) void
evaluate(const Pieces *from, const float *x, const float *factor, float *y, int n, const int knots,
         const int degree, const int does) {
  const Pieces p = *from;
  EACH {
    const float v = x[i];
    float c0 = p.row[0][0], c1 = p.row[1][0], c2 = p.row[2][0], c3 = p.row[3][0];
    for (int k = 0; k < knots; k++) {
      const int beyond = v >= p.knot[k];
      if (does & LIFTS) c0 = beyond ? p.row[0][k + 1] : c0;
      if (degree > 0) c1 = beyond ? p.row[1][k + 1] : c1;
      if (degree > 1) c2 = beyond ? p.row[2][k + 1] : c2;
      if (degree > 2) c3 = beyond ? p.row[3][k + 1] : c3;
    }
    const float u = does & MOVES ? at_most(p.high, at_least(p.low, v)) - p.anchor : v;
    const float finite = at_most(p.largest, at_least(-p.largest, u));
    if (degree > 2) c2 = c2 + finite * c3;
    if (degree > 1) c1 = c1 + finite * c2;
    const float value = degree > 0 ? c0 + u * c1 : v != v ? v : c0;
    y[i] = factor ? value * factor[i] : value;
  }
}

static int what_it_does(const Pieces *p) {
  int lifts = p->degree == 0;
  for (int k = 0; k < p->knots; k++) lifts |= p->row[0][k] != p->row[0][k + 1];
  const int moves = p->low > -INFINITY || p->high < INFINITY || p->anchor != 0;
  return (p->degree && moves ? MOVES : 0) | (lifts ? LIFTS : 0);
}

#define CASE(k, d, does)                                                                          \
  case 16 * (k) + 4 * (d) + (does): evaluate(p, x, factor, y, n, k, d, does); return;
#define DOES(k, d) CASE(k, d, 0) CASE(k, d, 1) CASE(k, d, 2) CASE(k, d, 3)
#define DEGREES(k) CASE(k, 0, LIFTS) DOES(k, 1) DOES(k, 2) DOES(k, 3)

/* y = p(x), or p(x) * factor. */
static void run_pieces(const Pieces *p, const float *x, const float *factor, float *y, int n) {
  switch (16 * p->knots + 4 * p->degree + what_it_does(p)) {
    DEGREES(0) DEGREES(1) DEGREES(2) DEGREES(3) DEGREES(4)
  }
}
