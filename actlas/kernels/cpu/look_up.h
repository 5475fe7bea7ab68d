/* Tables: the rows of numbers, and the cores where an instruction set has them. Included by body.h. */

typedef struct {
  _Alignas(64) int32_t index[BLOCK];
  float t[BLOCK];
  float x[BLOCK + PADDED], factor[BLOCK + PADDED], y[BLOCK + PADDED]; /* what lies outside of the core */
} Place;

/* Rows of |x| beyond the uniform grid: 2**bits to the octave, then one affine in |x|. */
static void find_far_rows(const Table *table, const float *x, Place *at, int n) {
  const uint32_t reach = bits_of(table->reach);
  const int32_t near = table->near, bits = table->bits, shift = 23 - bits, first = (int32_t)(reach >> shift);
  const int32_t last = table->far - 1, half = table->half;
  EACH {
    const uint32_t u = bits_of(x[i]) & 0x7fffffff;
    const int32_t beyond = (int32_t)(u >> shift) - first, row = beyond < last ? beyond : last;
    const float local = float_of(((u << bits) & 0x7fffff) | 0x3f800000) - 1.0f;
    const float t = row == last ? float_of(u) : local;
    const int32_t index = (near + row + ((int32_t)bits_of(x[i]) >> 31 & half)) * 4;
    at->index[i] = u >= reach ? index : at->index[i];
    at->t[i] = u >= reach ? t : at->t[i];
  }
}

static int find_rows(const Table *table, const float *x, Place *at, int n) {
  const float inverse = table->inverse, end = (float)table->near;
  const uint32_t reach = bits_of(table->reach);
  const int32_t half = table->half;
  uint32_t largest = 0; /* bits have the order of sizes, NaN the last */
  EACH {
    const uint32_t u = bits_of(x[i]), size = u & 0x7fffffff;
    const float s = float_of(size) * inverse, inside = s < end ? s : end; /* for NaN too */
    const int32_t row = (int32_t)inside;
    at->t[i] = inside - (float)row;
    at->index[i] = (row + ((int32_t)u >> 31 & half)) * 4;
    largest = size > largest ? size : largest;
  }
  if (largest < reach) return 0;
  find_far_rows(table, x, at, n);
  return 1;
}

#define CUBICS(value)                                                                             \
  for (int i = 0; i < n; i += LANES) {                                                            \
    const Lanes cubed = cubic(rows, at->index + i, at->t + i);                                    \
    STORE(y + i, value);                                                                          \
  }

/* y = cubic * x**power, or that * factor, while it is in registers. */
static void run_cubics(const Table *table, const float *x, const float *factor, float *y,
                       const Place *at, int n) {
  const float *const rows = table->rows;
  switch (2 * table->power + (factor != NULL)) {
    case 0: CUBICS(cubed) return;
    case 1: CUBICS(TIMES(cubed, LOAD(factor + i))) return;
    case 2: CUBICS(TIMES(cubed, LOAD(x + i))) return;
    case 3: CUBICS(TIMES(TIMES(cubed, LOAD(x + i)), LOAD(factor + i))) return;
    case 4: CUBICS(TIMES(TIMES(cubed, LOAD(x + i)), LOAD(x + i))) return;
    case 5: CUBICS(TIMES(TIMES(TIMES(cubed, LOAD(x + i)), LOAD(x + i)), LOAD(factor + i))) return;
  }
}

static void look_up_rows(const Table *table, const float *x, const float *factor, float *y,
                         Place *at, int n) {
  const int far = find_rows(table, x, at, n);
  run_cubics(table, x, factor, y, at, n);
  if (far) {
    const float low = table->at_low, high = table->at_high;
    EACH y[i] = fabsf(x[i]) == INFINITY ? (x[i] > 0 ? high : low) * (factor ? factor[i] : 1.0f) : y[i];
  }
  if (table->has_zero) {
    const float zero = table->at_zero;
    EACH y[i] = x[i] == 0 ? zero * (factor ? factor[i] : 1.0f) : y[i];
  }
}

#ifdef HAS_CORES
static int reads_no_rows(const Table *table) { return table->core != NULL; }

enum { FEW = 8 }; /* elements of a block, which are picked one by one */

static void look_up_gathered(const Table *table, const float *factor, Place *at, int count) {
  const int padded = (count + PADDED - 1) / PADDED * PADDED;
  for (int i = count; i < padded; i++) at->x[i] = at->factor[i] = 0;
  look_up_rows(table, at->x, factor ? at->factor : NULL, at->y, at, padded);
}

static void mend_few(const Table *table, const float *x, const float *factor, float *y, Place *at,
                     const uint64_t *outside) {
  int count = 0, from[FEW];
  for (int k = 0; k < BLOCK / CHUNK; k++)
    for (uint64_t left = outside[k]; left; left &= left - 1, count++) {
      const int i = from[count] = k * CHUNK + __builtin_ctzll(left);
      at->x[count] = x[i];
      at->factor[count] = factor ? factor[i] : 1.0f;
    }
  look_up_gathered(table, factor, at, count);
  for (int i = 0; i < count; i++) y[from[i]] = at->y[i];
}

static void mend_many(const Table *table, const float *x, const float *factor, float *y, Place *at,
                      const uint64_t *outside, int n) {
  int mask[BLOCK / LANES], count = 0;
  for (int i = 0; i < n; i += LANES) {
    const int all = outside[i / CHUNK] >> (i % CHUNK) & ((1 << LANES) - 1);
    const int left = all & ~run_tail(table, x + i, factor ? factor + i : NULL, y + i);
    if (factor) gather(factor + i, left, at->factor + count);
    count += gather(x + i, left, at->x + count);
    mask[i / LANES] = left;
  }
  look_up_gathered(table, factor, at, count);
  count = 0;
  for (int i = 0; i < n; i += LANES) count += scatter(at->y + count, mask[i / LANES], y + i);
}

/* What lies outside of the core is looked up side by side, up to a block of it, and only that is
   taken. So a value never hangs on the values beside it. */
static void mend(const Table *table, const float *x, const float *factor, float *y, Place *at,
                 const uint64_t *outside, int n) {
  int count = 0;
  for (int k = 0; k < BLOCK / CHUNK; k++) count += __builtin_popcountll(outside[k]);
  if (count <= FEW) mend_few(table, x, factor, y, at, outside);
  else mend_many(table, x, factor, y, at, outside, n);
}

static void look_up_block(const Table *table, const float *x, const float *factor, float *y,
                          Place *at, int n) {
  uint64_t outside[BLOCK / CHUNK] = {0}, any = 0;
  int i = 0;
  for (; i + CHUNK <= n; i += CHUNK)
    any |= outside[i / CHUNK] = run_core(table, x + i, factor ? factor + i : NULL, y + i, CHUNK / LANES);
  for (; i < n; i += LANES) {
    const uint64_t found = run_core(table, x + i, factor ? factor + i : NULL, y + i, 1);
    any |= outside[i / CHUNK] |= found << (i % CHUNK);
  }
  if (any) mend(table, x, factor, y, at, outside, n);
}

static void look_up(const Table *table, const float *x, const float *factor, float *y, Place *at,
                    int n) {
  if (!table->core) {
    look_up_rows(table, x, factor, y, at, n);
    return;
  }
  for (int i = 0; i < n; i += BLOCK)
    look_up_block(table, x + i, factor ? factor + i : NULL, y + i, at, n - i < BLOCK ? n - i : BLOCK);
}
#else
static int reads_no_rows(const Table *table) { return !table; }
#define look_up look_up_rows
#endif
