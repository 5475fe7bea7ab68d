/* The interpreter of programs, compiled once for each instruction set (ISA_* and NAME are set by
   the including file). Plain loops over blocks that stay in the first-level cache; the compiler
   makes vector code of them. Blocks are padded to whole vectors, so that there are no tails. */
#include <math.h>
#include <string.h>
#include "engine.h"
#include "vector.h"

#define EACH _Pragma("GCC ivdep") for (int i = 0; i < n; i++)
/* Some vectors to the turn: a single operation takes less time than the end of a loop. */
#define UNROLLED _Pragma("GCC unroll 4") EACH
#define PADDED 16

typedef union { float f; uint32_t u; } Bits;
static inline uint32_t bits_of(float f) { Bits b; b.f = f; return b.u; }
static inline float float_of(uint32_t u) { Bits b; b.u = u; return b.f; }

#include "pieces.h"
#include "look_up.h"

/* ---------------------------------------------------------------- operations */

static inline float log_of(float x) {
  static const float c[] = {3.3333331174e-1f, -2.4999993993e-1f, 2.0000714765e-1f, -1.6668057665e-1f,
                            1.4249322787e-1f, -1.2420140846e-1f, 1.1676998740e-1f,
                            -1.1514610310e-1f, 7.0376836292e-2f};
  const int tiny = x < 1.17549435e-38f;
  const uint32_t u = bits_of(tiny ? x * 16777216.0f : x);
  int32_t e = (int32_t)(u >> 23) - (tiny ? 150 : 126);
  float m = float_of((u & 0x7fffff) | 0x3f000000);
  const int low = m < 0.70710678f;
  e -= low;
  m = (low ? m + m : m) - 1.0f;
  float p = c[8];
  for (int k = 7; k >= 0; k--) p = p * m + c[k];
  const float z = m * m, r = m * z * p + (float)e * -2.12194440e-4f - 0.5f * z;
  const float y = (m + r) + (float)e * 0.693359375f;
  const float edge = x == 0 ? -INFINITY : x == INFINITY ? INFINITY : NAN;
  return x > 0 && x < INFINITY ? y : edge;
}

/* r in [-pi/2, pi/2] with sin(r) = sin(u), or cos(u). Doubles carry the reduction up to 2**20. */
static void reduce_wave(const float *u, float *y, int is_cosine, int n) {
  const double rounding = 6755399441055744.0, shift = 0.5 * is_cosine; /* 1.5 * 2**52 */
  int large = 0;
  EACH {
    const double turns = (u[i] * 0.318309886183790672 + shift + rounding) - rounding;
    const double exact = turns - shift, half = 0.5 * turns;
    const double r = (u[i] - exact * 3.14159265358979312) - exact * 1.22464679914735321e-16;
    y[i] = (float)(half != (half + rounding) - rounding ? -r : r);
    large |= !(fabsf(u[i]) < 1048576.0f);
  }
  if (!large) return;
  for (int i = 0; i < n; i++)
    if (!(fabsf(u[i]) < 1048576.0f)) y[i] = (float)asin(is_cosine ? cos((double)u[i]) : sin((double)u[i]));
}

/* Whether all of x is below REACH, so that the near value may be taken as it is. */
static int all_near(const float *x, const float *near, float *y, int n) {
  uint32_t largest = 0;
  EACH {
    const uint32_t size = bits_of(x[i]) & 0x7fffffff;
    largest = size > largest ? size : largest;
  }
  if (largest >= bits_of(REACH)) return 0;
  EACH y[i] = near[i];
  return 1;
}

/* The smaller and the larger number, NaN where one is NaN: a bound, which is none, is one machine
   instruction in this order. */
static void smaller(const float *a, const float *b, float *y, int is_bound, int n) {
  if (is_bound) UNROLLED y[i] = b[i] < a[i] ? b[i] : a[i];
  else UNROLLED y[i] = a[i] < b[i] || a[i] != a[i] ? a[i] : b[i];
}

static void larger(const float *a, const float *b, float *y, int is_bound, int n) {
  if (is_bound) UNROLLED y[i] = b[i] > a[i] ? b[i] : a[i];
  else UNROLLED y[i] = a[i] > b[i] || a[i] != a[i] ? a[i] : b[i];
}

#define OPERATION(name, value) case name: UNROLLED y[i] = value; return 1;

/* Perform a step and return the number of steps to go on by. */
static int perform(const Program *program, const Step *step, float *const *at, Place *place, int n) {
  float *const y = at[step->to];
  const float *const a = at[step->a], *const b = at[step->b], *const c = at[step->c];
  const float *const d = at[step->d], *const factor = step->d ? b : NULL;
  switch (step->op) {
    OPERATION(OP_ADD, a[i] + b[i])
    OPERATION(OP_SUB, a[i] - b[i])
    OPERATION(OP_MUL, a[i] * b[i])
    OPERATION(OP_DIV, a[i] / b[i])
    OPERATION(OP_NEG, -a[i])
    OPERATION(OP_ABS, fabsf(a[i]))
    case OP_MIN: smaller(a, b, y, is_constant(program, step->b), n); return 1;
    case OP_MAX: larger(a, b, y, is_constant(program, step->b), n); return 1;
    OPERATION(OP_SQRT, sqrtf(a[i]))
    OPERATION(OP_SIGN, (float)((a[i] > 0) - (a[i] < 0)))
    OPERATION(OP_LT, a[i] < b[i] ? 1.0f : 0.0f)
    OPERATION(OP_LE, a[i] <= b[i] ? 1.0f : 0.0f)
    OPERATION(OP_GT, a[i] > b[i] ? 1.0f : 0.0f)
    OPERATION(OP_GE, a[i] >= b[i] ? 1.0f : 0.0f)
    OPERATION(OP_WHERE, a[i] != 0 ? b[i] : c[i])
    OPERATION(OP_WHERE_LT, a[i] < b[i] ? c[i] : d[i])
    OPERATION(OP_WHERE_LE, a[i] <= b[i] ? c[i] : d[i])
    OPERATION(OP_WHERE_GT, a[i] > b[i] ? c[i] : d[i])
    OPERATION(OP_WHERE_GE, a[i] >= b[i] ? c[i] : d[i])
    OPERATION(OP_DAMP, a[i] == 0 || b[i] == 0 ? 0.0f : a[i] * b[i])
    OPERATION(OP_NAN_LIKE, a[i] != a[i] ? a[i] : b[i])
    OPERATION(OP_CLIP_LOW, a[i] < -3.40282347e38f ? -3.40282347e38f : a[i])
    OPERATION(OP_CLIP_HIGH, a[i] > 3.40282347e38f ? 3.40282347e38f : a[i])
    OPERATION(OP_AT_LOW, a[i] == -INFINITY ? 1.0f : 0.0f)
    OPERATION(OP_AT_HIGH, a[i] == INFINITY ? 1.0f : 0.0f)
    OPERATION(OP_LOG, log_of(a[i]))
    OPERATION(OP_BEYOND, fabsf(c[i]) < REACH ? a[i] : b[i])
    case OP_WAVE: reduce_wave(a, y, step->c, n); return 1;
    case OP_TABLE: look_up(program->table + step->c, a, factor, y, place, n); return 1;
    case OP_PIECES: run_pieces(program->pieces + step->c, a, factor, y, n); return 1;
    case OP_NEAR: return all_near(b, a, y, n) ? step->c : 1;
  }
  return 1;
}

/* ---------------------------------------------------------------- loading and storing */

static inline float from_half(uint16_t h) {
  const uint32_t u = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
  const float scaled = float_of(u) * 5.192296858534828e33f; /* 2**112 */
  const uint32_t wide = (h & 0x7c00) == 0x7c00 ? u | 0x7f800000 : bits_of(scaled);
  return float_of(wide | sign);
}

static inline uint16_t to_half(float f) {
  const uint32_t sign = bits_of(f) & 0x80000000, u = bits_of(f) & 0x7fffffff;
  const uint32_t small = bits_of(float_of(u) + 0.5f) - 0x3f000000; /* subnormal: added, it rounds */
  const uint32_t normal = (u - 0x38000000 + 0xfff + (u >> 13 & 1)) >> 13;
  const uint32_t high = u > 0x7f800000 ? 0x7e00 : 0x7c00; /* NaN, or rounded to infinity */
  const uint32_t h = u >= 0x477ff000 ? high : u < 0x38800000 ? small : normal;
  return (uint16_t)(h | sign >> 16);
}

static inline uint16_t to_bfloat(float f) {
  const uint32_t u = bits_of(f), rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
  return (uint16_t)(f != f ? u >> 16 | 0x40 : rounded);
}

static void load(const Operand *from, int64_t at, float *y, int n) {
  const int64_t step = from->column;
  const float *wide = (const float *)from->data + at;
  const uint16_t *narrow = (const uint16_t *)from->data + at;
  if (from->values) EACH y[i] = from->values[narrow[i * step]];
  else if (from->type == FLOAT32) EACH y[i] = wide[i * step];
  else if (from->type == BFLOAT16) EACH y[i] = float_of((uint32_t)narrow[i * step] << 16);
  else EACH y[i] = from_half(narrow[i * step]);
  for (int i = n; i % PADDED; i++) y[i] = 0;
}

static void add_up(const float *y, double *sum, int64_t step, int n) {
  if (step) {
    EACH sum[i * step] += y[i];
    return;
  }
  double lane[PADDED] = {0}; /* the padding of a block holds anything, so it is left out */
  int i = 0;
  for (; i + PADDED <= n; i += PADDED)
    for (int k = 0; k < PADDED; k++) lane[k] += y[i + k];
  for (; i < n; i++) lane[0] += y[i];
  for (int k = 0; k < PADDED; k++) *sum += lane[k];
}

static void store(const Operand *to, int64_t at, const float *y, double *sums, int n) {
  const int64_t step = to->column;
  float *wide = (float *)to->data + at;
  uint16_t *narrow = (uint16_t *)to->data + at;
  if (to->type == FLOAT64_SUM) add_up(y, sums + at, step, n);
  else if (to->type == FLOAT32) EACH wide[i * step] = y[i];
  else if (to->type == BFLOAT16) EACH narrow[i * step] = to_bfloat(y[i]);
  else EACH narrow[i * step] = to_half(y[i]);
}

/* ---------------------------------------------------------------- blocks */

/* What a thread works with: `block` elements at a time, a register for every `block` of memory. */
typedef struct {
  _Alignas(64) float memory[MOST_REGISTERS * BLOCK];
  float *at[MOST_REGISTERS];
  int64_t row[MOST_OPERANDS]; /* where the row of each operand begins: a division, done once a row */
  Place place;
  int block;
} Room;

/* A whole block of contiguous floats is read and written in place, without a copy. */
static int in_place(const Operand *o, int n) {
  return o->type == FLOAT32 && !o->values && o->column == 1 && n % PADDED == 0;
}

static int overlaps(const Job *job) {
  const Program *p = job->program;
  for (int o = 0; o < p->outputs; o++)
    for (int i = 0; i < p->inputs; i++)
      if (job->operand[p->inputs + o].data == job->operand[i].data) return 1;
  return 0;
}

static void enter_row(const Job *job, Room *room, int64_t r) {
  for (int k = 0; k < job->program->inputs + job->program->outputs; k++)
    room->row[k] = r % job->operand[k].period * job->operand[k].row;
}

#ifdef FUSED_SET
static int is_one_loop(const Program *p) { return p->is_one_loop[FUSED_SET]; }

/* Run a step, or the loop of steps that begins there, and return the number of steps to go on by. */
static int run_step(const Program *p, int s, float *const *at, Place *place, int n) {
  const Fused *fused = p->fused[FUSED_SET];
  if (!fused || !fused[s].steps) return perform(p, p->step + s, at, place, n);
  fused[s].run(at, n);
  return fused[s].steps;
}
#else
static int is_one_loop(const Program *p) { return !p; }
static int run_step(const Program *p, int s, float *const *at, Place *place, int n) {
  return perform(p, p->step + s, at, place, n);
}
#endif

static void run_block(const Job *job, Room *room, int64_t c, int n, int new_row, int staged,
                      double *const *sums) {
  const Program *p = job->program;
  float **const at = room->at;
  for (int i = 0; i < p->inputs; i++) {
    const Operand *o = job->operand + i;
    const int64_t place = room->row[i] + c * o->column;
    at[i] = room->memory + i * room->block;
    if (!staged && in_place(o, n)) at[i] = (float *)o->data + place;
    else if (o->column || new_row) load(o, place, at[i], o->column ? n : room->block);
  }
  for (int k = 0; k < p->outputs; k++) {
    const Operand *o = job->operand + p->inputs + k;
    const int32_t from = p->from[k];
    if (from < p->inputs + p->constants) continue;
    at[from] = in_place(o, n) ? (float *)o->data + room->row[p->inputs + k] + c * o->column
                              : room->memory + from * room->block;
  }
  const int whole = (n + PADDED - 1) / PADDED * PADDED;
  for (int s = 0; s < p->steps;) s += run_step(p, s, at, &room->place, whole);
  for (int k = 0; k < p->outputs; k++) {
    const Operand *o = job->operand + p->inputs + k;
    const float *y = at[p->from[k]];
    const int64_t place = room->row[p->inputs + k] + c * o->column;
    if (y != (float *)o->data + place) store(o, place, y, sums[k], n);
  }
}

/* Whether blocks may be of any length: no register but constants lies in the memory of the room. */
static int needs_no_room(const Job *job, int staged) {
  const Program *p = job->program;
  for (int k = 0; k < p->inputs + p->outputs; k++)
    if (staged || !in_place(job->operand + k, 0)) return 0;
  if (is_one_loop(p)) return 1;
  uint64_t placed = ((uint64_t)1 << p->inputs) - 1;
  for (int k = 0; k < p->outputs; k++) placed |= (uint64_t)1 << p->from[k];
  for (int k = 0; k < p->registers; k++)
    if (!(placed >> k & 1)) return 0;
  for (int k = 0; k < p->tables; k++)
    if (!reads_no_rows(p->table + k)) return 0;
  return !p->constants && p->steps;
}

static void furnish(Room *room, const Program *p, int64_t columns) {
  /* Tables want the first cache for their rows; a few registers leave room for longer blocks. */
  room->block = LONG_BLOCK;
  while (room->block > BLOCK && (p->tables || p->registers * room->block > CACHED)) room->block /= 2;
  if (columns < room->block) room->block = (int)(columns + PADDED - 1) / PADDED * PADDED;
  for (int k = 0; k < p->registers; k++) room->at[k] = room->memory + k * room->block;
  for (int k = 0; k < p->constants; k++) {
    const int n = room->block;
    float *const y = room->at[p->inputs + k];
    EACH y[i] = p->values[k];
  }
}

void NAME(const Job *job, int64_t begin, int64_t end, double *const *sums) {
  Room room;
  const int staged = overlaps(job);
  furnish(&room, job->program, job->columns);
  const int longest = needs_no_room(job, staged) ? LONGEST : room.block;
  int64_t r = begin / job->columns, c = begin % job->columns;
  for (int new_row = 1; begin < end;) {
    int64_t left = job->columns - c;
    if (left > end - begin) left = end - begin;
    if (left > PADDED && left < longest) left -= left % PADDED; /* what is left over is copied */
    const int count = left < longest ? (int)left : longest;
    if (new_row) enter_row(job, &room, r);
    run_block(job, &room, c, count, new_row, staged, sums);
    begin += count;
    c += count;
    new_row = c == job->columns;
    if (new_row) r++, c = 0;
  }
}
