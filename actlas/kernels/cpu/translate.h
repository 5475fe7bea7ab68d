/* What each operation of a program is in machine instructions. Those that read tables, waves and
   logarithms are not here: they are never fused. */
#include "engine.h"
#include "assembler.h"

#define SPLAT(v) {v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v}
enum { LANES_MOST = 16 };
enum { SIGN_BIT, OTHER_BITS, ZERO, ONE, MINUS_ONE, LOWEST, HIGHEST, LOW_END, HIGH_END, FAR, POOLED };
typedef union { uint32_t bits; float number; } Word;
static const Word pool[POOLED][LANES_MOST] = {
  SPLAT({0x80000000u}), SPLAT({0x7fffffffu}), SPLAT({0}), SPLAT({.number = 1}), SPLAT({.number = -1}),
  SPLAT({0xff7fffffu}), SPLAT({0x7f7fffffu}), SPLAT({0xff800000u}), SPLAT({0x7f800000u}),
  SPLAT({.number = REACH})
};

static Source pooled(int which) { return (Source){POOL, which * (int)sizeof pool[0]}; }
static void take_pool(Code *c) { take_constants(c, pool); }

/* How many of a, b, c, d an operation reads; 0 where it is not fused. */
static int operands(int op) {
  switch (op) {
    case OP_NEG: case OP_ABS: case OP_SQRT: case OP_SIGN: case OP_CLIP_LOW: case OP_CLIP_HIGH:
    case OP_AT_LOW: case OP_AT_HIGH: return 1;
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_MIN: case OP_MAX: case OP_LT:
    case OP_LE: case OP_GT: case OP_GE: case OP_DAMP: case OP_NAN_LIKE: return 2;
    case OP_WHERE: case OP_BEYOND: return 3;
    case OP_WHERE_LT: case OP_WHERE_LE: case OP_WHERE_GT: case OP_WHERE_GE: return 4;
    default: return 0;
  }
}

/* to = the last comparison held ? one of the pool : 0. */
static void flag(Code *c, int to) {
  arithmetic(c, XOR, to, to, in_register(to));
  choose(c, to, pooled(ONE), to);
}

/* As in `smaller` and `larger` of body.h: of two numbers; a bound is none that is NaN. */
static void extreme(Code *c, int opcode, int to, const int *r, int is_bound) {
  if (is_bound) {
    arithmetic(c, opcode, to, r[1], in_register(r[0]));
    return;
  }
  arithmetic(c, opcode, to, r[0], in_register(r[1]));
  compare(c, UNORDERED, r[0], in_register(r[0]));
  choose(c, to, in_register(r[0]), to);
}

static void sign(Code *c, int to, int a) {
  compare(c, GT, a, pooled(ZERO));
  flag(c, to);
  compare(c, LT, a, pooled(ZERO));
  choose(c, to, pooled(MINUS_ONE), to);
}

static void damp(Code *c, int to, const int *r) {
  arithmetic(c, MUL, to, r[0], in_register(r[1]));
  for (int k = 0; k < 2; k++) {
    compare(c, EQ, r[k], pooled(ZERO));
    choose(c, to, pooled(ZERO), to);
  }
}

static void beyond(Code *c, int to, const int *r) {
  arithmetic(c, AND, to, r[2], pooled(OTHER_BITS));
  compare(c, LT, to, pooled(FAR));
  choose(c, to, in_register(r[0]), r[1]);
}

/* The step into register `to`, which is none of its operands' registers r. */
static void translate(Code *c, int op, int to, const int *r, int is_bound) {
  static const int opcode[] = {[OP_ADD] = ADD, [OP_SUB] = SUB, [OP_MUL] = MUL, [OP_DIV] = DIV};
  static const int predicate[] = {
    [OP_LT] = LT, [OP_LE] = LE, [OP_GT] = GT, [OP_GE] = GE,
    [OP_WHERE_LT] = LT, [OP_WHERE_LE] = LE, [OP_WHERE_GT] = GT, [OP_WHERE_GE] = GE};
  const Source b = in_register(r[1]);
  switch (op) {
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: arithmetic(c, opcode[op], to, r[0], b); return;
    case OP_NEG: arithmetic(c, XOR, to, r[0], pooled(SIGN_BIT)); return;
    case OP_ABS: arithmetic(c, AND, to, r[0], pooled(OTHER_BITS)); return;
    case OP_SQRT: arithmetic(c, SQRT, to, 0, in_register(r[0])); return;
    case OP_MIN: extreme(c, MIN, to, r, is_bound); return;
    case OP_MAX: extreme(c, MAX, to, r, is_bound); return;
    case OP_SIGN: sign(c, to, r[0]); return;
    case OP_LT: case OP_LE: case OP_GT: case OP_GE:
      compare(c, predicate[op], r[0], b), flag(c, to); return;
    case OP_WHERE: compare(c, NE, r[0], pooled(ZERO)), choose(c, to, b, r[2]); return;
    case OP_WHERE_LT: case OP_WHERE_LE: case OP_WHERE_GT: case OP_WHERE_GE:
      compare(c, predicate[op], r[0], b), choose(c, to, in_register(r[2]), r[3]); return;
    case OP_DAMP: damp(c, to, r); return;
    case OP_NAN_LIKE: compare(c, UNORDERED, r[0], in_register(r[0])), choose(c, to, in_register(r[0]), r[1]); return;
    case OP_CLIP_LOW: compare(c, LT, r[0], pooled(LOWEST)), choose(c, to, pooled(LOWEST), r[0]); return;
    case OP_CLIP_HIGH: compare(c, GT, r[0], pooled(HIGHEST)), choose(c, to, pooled(HIGHEST), r[0]); return;
    case OP_AT_LOW: compare(c, EQ, r[0], pooled(LOW_END)), flag(c, to); return;
    case OP_AT_HIGH: compare(c, EQ, r[0], pooled(HIGH_END)), flag(c, to); return;
    case OP_BEYOND: beyond(c, to, r); return;
  }
}
