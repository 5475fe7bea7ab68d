/* The few machine instructions that fused steps are made of: AVX2 (VEX, 256 bits) and AVX-512
   (EVEX, 512 bits) have the same ones under two prefixes. Intel's manual, volume 2, sections 2.3
   and 2.7. Nothing here knows what an operation means. */
#include <stdint.h>

typedef struct {
  uint8_t *at;
  int wide; /* AVX-512 */
} Code;

/* What an instruction reads last: a register, or memory. rax holds an address that was just taken
   from `at` (rdi), rcx the element, rdx the address of constants. */
enum { REGISTER, ELEMENT /* rax + 4 rcx */, START /* rax */, POOL /* rdx + offset */ };
typedef struct {
  int kind, value;
} Source;

enum { NO_PREFIX, P66 };               /* pp */
enum { M0F = 1, M0F38 = 2, M0F3A = 3 }; /* maps of opcodes */
enum {
  MOVE_IN = 0x10, MOVE_OUT = 0x11, SQRT = 0x51, ADD = 0x58, MUL = 0x59, SUB = 0x5c, MIN = 0x5d,
  DIV = 0x5e, MAX = 0x5f, COMPARE = 0xc2, AND = 0xdb, XOR = 0xef, BLEND_MASK = 0x65, BLEND = 0x4a
};
/* Predicates of a comparison; none signals. */
enum { EQ = 0x00, UNORDERED = 0x03, NE = 0x04, LT = 0x11, LE = 0x12, GE = 0x1d, GT = 0x1e };
enum { MASK = 15, MASK_WIDE = 1 }; /* where a comparison's result is: ymm15, or k1 */

static void put(Code *c, int byte) { *c->at++ = (uint8_t)byte; }

static void put_word(Code *c, int32_t word) {
  for (int k = 0; k < 4; k++) put(c, word >> (8 * k) & 255);
}

static Source in_register(int number) { return (Source){REGISTER, number}; }

static void put_source(Code *c, int reg, Source from) {
  const int field = (reg & 7) << 3;
  if (from.kind == REGISTER) put(c, 0xc0 | field | (from.value & 7));
  if (from.kind == START) put(c, field);
  if (from.kind == ELEMENT) put(c, field | 4), put(c, 0x88);
  if (from.kind == POOL) put(c, 0x82 | field), put_word(c, from.value);
}

/* reg = opcode(first, from), with the mask register `mask` where the opcode takes one. */
static void instruct(Code *c, int map, int prefix, int opcode, int reg, int first, Source from,
                     int mask) {
  const int rm = from.kind == REGISTER ? from.value : 0;
  const int bit_r = (~reg >> 3 & 1) << 7, bit_b = (~rm >> 3 & 1) << 5, named = (~first & 15) << 3;
  if (c->wide) {
    put(c, 0x62);
    put(c, bit_r | (~rm >> 4 & 1) << 6 | bit_b | (~reg >> 4 & 1) << 4 | map);
    put(c, named | 4 | prefix);
    put(c, 2 << 5 | (~first >> 4 & 1) << 3 | mask);
  } else {
    put(c, 0xc4);
    put(c, bit_r | 1 << 6 | bit_b | map);
    put(c, named | 4 | prefix);
  }
  put(c, opcode);
  put_source(c, reg, from);
}

static void arithmetic(Code *c, int opcode, int to, int first, Source second) {
  const int on_bits = opcode == AND || opcode == XOR;
  instruct(c, M0F, on_bits ? P66 : NO_PREFIX, opcode, to, first, second, 0);
}

static void compare(Code *c, int predicate, int first, Source second) {
  instruct(c, M0F, NO_PREFIX, COMPARE, c->wide ? MASK_WIDE : MASK, first, second, 0);
  put(c, predicate);
}

/* to = the last comparison held ? yes : no. */
static void choose(Code *c, int to, Source yes, int no) {
  if (c->wide) {
    instruct(c, M0F38, P66, BLEND_MASK, to, no, yes, MASK_WIDE);
    return;
  }
  instruct(c, M0F3A, P66, BLEND, to, no, yes, 0);
  put(c, MASK << 4);
}

static void move_in(Code *c, int to, Source from) { instruct(c, M0F, 0, MOVE_IN, to, 0, from, 0); }
static void move_out(Code *c, int from) {
  instruct(c, M0F, 0, MOVE_OUT, from, 0, (Source){ELEMENT, 0}, 0);
}

/* rax = at[place]. */
static void take_address(Code *c, int place) {
  put(c, 0x48), put(c, 0x8b), put(c, 0x87), put_word(c, 8 * place);
}

/* rdx = the address of the constants, which stay where they are. */
static void take_constants(Code *c, const void *constants) {
  const uint64_t address = (uint64_t)(uintptr_t)constants;
  put(c, 0x48), put(c, 0xba), put_word(c, (int32_t)address), put_word(c, (int32_t)(address >> 32));
}

/* endbr64, for systems that let calls land nowhere else. */
static void begin_function(Code *c) { put(c, 0xf3), put(c, 0x0f), put(c, 0x1e), put(c, 0xfa); }

/* rcx = 0; the loop begins here. */
static uint8_t *begin_loop(Code *c) {
  put(c, 0x31), put(c, 0xc9);
  return c->at;
}

/* rcx += lanes; while it is less than n (rsi), once more. Then return. */
static void end_loop(Code *c, const uint8_t *begin) {
  put(c, 0x48), put(c, 0x83), put(c, 0xc1), put(c, c->wide ? 16 : 8);
  put(c, 0x48), put(c, 0x39), put(c, 0xf1);
  put(c, 0x0f), put(c, 0x8c), put_word(c, (int32_t)(begin - (c->at + 4)));
  put(c, 0xc5), put(c, 0xf8), put(c, 0x77); /* vzeroupper */
  put(c, 0xc3);
}
