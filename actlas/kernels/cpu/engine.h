/* What a program is, and what every instruction set must provide. See README.md. */
#ifndef ACTLAS_ENGINE_H
#define ACTLAS_ENGINE_H
#include <stddef.h>
#include <stdint.h>

#define REACH 16.0f /* as in backends/tabulate.py */
enum {
  BLOCK = 256, LONG_BLOCK = 1024, LONGEST = 1 << 20, /* floats; the last, if they are all operands */
  CACHED = 5120, /* floats of all registers that leave the first cache room for more */
  MOST_REGISTERS = 64, MOST_OPERANDS = 64, MOST_KNOTS = 4, MOST_DEGREE = 3,
  INTERVALS = 16, PICKED = 2 * INTERVALS, MOST_ROOTS = 4, CLOSED_RIGHT = 1, CLOSED_LEFT = 2 /* as in backends/cores.py */
};

/* The operations of a program, all over blocks of floats. COSTS in backends/program.py has this order. */
enum {
  OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_NEG, OP_ABS, OP_MIN, OP_MAX, OP_SQRT, OP_SIGN,
  OP_LT, OP_LE, OP_GT, OP_GE, OP_WHERE, OP_WHERE_LT, OP_WHERE_LE, OP_WHERE_GT, OP_WHERE_GE,
  OP_DAMP, OP_NAN_LIKE, OP_CLIP_LOW, OP_CLIP_HIGH,
  OP_AT_LOW, OP_AT_HIGH, OP_LOG, OP_WAVE, OP_TABLE, OP_NEAR, OP_BEYOND,
  OP_PIECES
};

enum { FLOAT32, BFLOAT16, FLOAT16, FLOAT64_SUM };

/* Cubic pieces: rows of four coefficients. |x| < reach: a uniform grid with `inverse` rows to the
   unit; beyond: 2**bits rows to the octave; from `affine` on the last: affine in |x|. Negative x:
   the second half of the rows. The cubic is multiplied by x**power.
   Where there is a core, |x| < core_reach has another form, for instruction sets that can use it: a
   polynomial in each of INTERVALS equal parts, core[j * PICKED + i] its j-th coefficient; those of
   negative x are the second half. It is multiplied by x - root too, for every root, given
   as a number and what that leaves. On a closed side the last row is right from the core's end on. */
typedef struct {
  const float *rows, *core;
  float inverse, reach, affine, at_zero, at_low, at_high, core_reach, root[2 * MOST_ROOTS];
  int32_t near, far, bits, half, power, has_zero, core_degree, roots, closed;
} Table;

/* A polynomial of x - anchor for each of knots + 1 intervals, as in backends/pieces.py: x is moved
   into [low, high] first; row[j][i] is the coefficient of the j-th power from knot i - 1 on. */
typedef struct {
  float knot[MOST_KNOTS], row[MOST_DEGREE + 1][MOST_KNOTS + 1];
  float anchor, low, high, largest; /* the largest finite number */
  int32_t knots, degree;
} Pieces;

/* Tables and pieces have the number c; where d is 1 their value is multiplied by b. */
typedef struct {
  int32_t op, to, a, b, c, d;
} Step;

/* The steps from here on as one loop over n elements, a multiple of 16; 0 steps where there is none. */
typedef struct {
  void (*run)(float *const *at, int64_t n);
  int32_t steps;
} Fused;
enum { FUSED_AVX2, FUSED_AVX512, FUSED_SETS };

/* Registers: operands first, then constants, then temporaries. An output step writes register
   `from` to operand `operand`; a sum adds it up into an operand of doubles. */
typedef struct {
  int32_t inputs, outputs, constants, steps, tables, splines, registers;
  const int32_t *from;
  const float *values;
  const Step *step;
  const Table *table;
  const Pieces *pieces;
  Fused *fused[FUSED_SETS]; /* one for each step, or NULL; see fuse.c */
  int is_one_loop[FUSED_SETS]; /* all steps are, and write nothing but outputs */
  void *code;
  size_t code_size;
} Program;

static inline int is_constant(const Program *p, int32_t at) {
  return at >= p->inputs && at < p->inputs + p->constants;
}

/* The element (r, c) lies at data + ((r % period) * row + c * column) elements. Sixteen-bit
   inputs may be looked up whole: `values` then holds a float for each of the 65,536 patterns. */
typedef struct {
  char *data;
  const float *values;
  int64_t period, row, column;
  int32_t type;
} Operand;

typedef struct {
  const Program *program;
  Operand operand[MOST_OPERANDS];
  int64_t rows, columns;
} Job;

/* Run the elements [begin, end) of a job, counted along rows; sums go to `sums`. */
typedef void Runner(const Job *job, int64_t begin, int64_t end, double *const *sums);

Runner actlas_run_generic;
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#define ACTLAS_X86 1
Runner actlas_run_avx2;
Runner actlas_run_avx512;
#endif
#endif
