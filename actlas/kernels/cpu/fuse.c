/* Runs of steps as one loop of machine code: what a step hands to the next stays in a register,
   where the interpreter goes through the cache. The values are the interpreter's to the bit. Only
   arithmetic and choices are fused; tables, waves and logarithms stay where they are. */
#include "engine.h"
#include "fuse.h"
#include <stdlib.h>
#include <string.h>

static int allowed = 1;

#if defined(ACTLAS_X86) && (defined(__unix__) || defined(__APPLE__))
#include <sys/mman.h>
#include "translate.h"

enum { MOST_STEPS = 96, BYTES_OF_A_STEP = 288, BYTES_OF_A_LOOP = 1024 };

/* ---------------------------------------------------------------- values and their registers */

/* Something that steps read: what a register of the program held before, or a step's result. */
typedef struct {
  int place, held; /* the program's register; the machine's, or -1 */
  int last;        /* the step that reads it last, or -1 */
  int in_memory, is_constant, is_wanted; /* it is there; it is the same for all elements; it must be there */
} Value;

typedef struct {
  const Program *program;
  const Step *step;
  int steps, values, registers;
  int reads[MOST_STEPS][4], makes[MOST_STEPS]; /* numbers of values */
  Value value[MOST_STEPS * 5];
  int holds[32]; /* the value in each register, or -1 */
  int touches_room; /* a register of the program that is no operand is written */
  Code code;
} Loop;

static int count_of(const Step *step) { return operands(step->op); }

static int named(const Step *step, int k) {
  const int32_t all[] = {step->a, step->b, step->c, step->d};
  return all[k];
}

/* Whether a register is read after step `from`, before it is written anew. */
static int is_read_later(const Program *p, int from, int place) {
  for (int s = from; s < p->steps; s++) {
    const Step *step = p->step + s;
    const int fused = count_of(step);
    for (int k = 0; k < (fused ? fused : 4); k++)
      if (named(step, k) == place && (fused || k != 2)) return 1;
    if (step->to == place) return 0;
  }
  for (int k = 0; k < p->outputs; k++)
    if (p->from[k] == place) return 1;
  return 0;
}

static int new_value(Loop *l, int place, int in_memory) {
  l->value[l->values] = (Value){place, -1, -1, in_memory, is_constant(l->program, place), 0};
  return l->values++;
}

static void find_values(Loop *l) {
  int now[MOST_REGISTERS];
  memset(now, -1, sizeof now);
  for (int s = 0; s < l->steps; s++) {
    for (int k = 0; k < count_of(l->step + s); k++) {
      const int place = named(l->step + s, k);
      if (now[place] < 0) now[place] = new_value(l, place, 1);
      l->reads[s][k] = now[place];
      l->value[now[place]].last = s;
    }
    l->makes[s] = now[l->step[s].to] = new_value(l, l->step[s].to, 0);
  }
  const int end = (int)(l->step - l->program->step) + l->steps;
  for (int place = 0; place < l->program->registers; place++)
    if (now[place] >= 0 && !l->value[now[place]].in_memory)
      l->value[now[place]].is_wanted = is_read_later(l->program, end, place);
}

static int next_use(const Loop *l, int value, int from) {
  for (int s = from; s < l->steps; s++)
    for (int k = 0; k < count_of(l->step + s); k++)
      if (l->reads[s][k] == value) return s;
  return l->steps;
}

static void write_back(Loop *l, Value *v) {
  take_address(&l->code, v->place);
  move_out(&l->code, v->held);
  v->in_memory = 1;
  int is_output = 0;
  for (int k = 0; k < l->program->outputs; k++) is_output |= l->program->from[k] == v->place;
  l->touches_room |= !is_output;
}

/* Return a free register: what is needed last makes way, but nothing of this step. */
static int free_register(Loop *l, int s, const int *kept, int count) {
  int best = -1, latest = -1;
  for (int r = 0; r < l->registers; r++) {
    if (l->holds[r] < 0) return r;
    int is_kept = 0;
    for (int k = 0; k < count; k++) is_kept |= l->holds[r] == kept[k];
    const int use = is_kept ? -1 : next_use(l, l->holds[r], s);
    if (use > latest) latest = use, best = r;
  }
  Value *v = l->value + l->holds[best];
  if (!v->in_memory) write_back(l, v);
  v->held = l->holds[best] = -1;
  return best;
}

static void hold(Loop *l, int value, int reg) {
  l->holds[reg] = value;
  l->value[value].held = reg;
}

static void fetch(Loop *l, int value, int s, const int *kept, int count) {
  Value *v = l->value + value;
  if (v->held >= 0) return;
  hold(l, value, free_register(l, s, kept, count));
  take_address(&l->code, v->place);
  move_in(&l->code, v->held, (Source){v->is_constant ? START : ELEMENT, 0});
}

static void drop_spent(Loop *l, int s) {
  for (int r = 0; r < l->registers; r++) {
    const int value = l->holds[r];
    if (value >= 0 && l->value[value].last <= s) l->value[value].held = l->holds[r] = -1;
  }
}

static void put_step(Loop *l, int s) {
  const Step *step = l->step + s;
  const int count = count_of(step);
  int r[4] = {0};
  for (int k = 0; k < count; k++) fetch(l, l->reads[s][k], s, l->reads[s], count);
  const int to = free_register(l, s, l->reads[s], count);
  for (int k = 0; k < count; k++) r[k] = l->value[l->reads[s][k]].held;
  translate(&l->code, step->op, to, r, is_constant(l->program, step->b));
  hold(l, l->makes[s], to);
  if (l->value[l->makes[s]].is_wanted) write_back(l, l->value + l->makes[s]);
  drop_spent(l, s);
}

/* Constants are fetched before the loop, up to a third of the registers, and stay. */
static int put_constants(Loop *l) {
  int top = l->code.wide ? 32 : MASK;
  const int least = top - top / 3;
  for (int k = 0; k < l->values && top > least; k++) {
    Value *v = l->value + k;
    if (!v->is_constant) continue;
    v->held = --top;
    take_address(&l->code, v->place);
    move_in(&l->code, v->held, (Source){START, 0});
  }
  return top;
}

/* Write the loop of steps [first, first + count) of a program; return where the code ends. */
static uint8_t *put_loop(const Program *p, int first, int count, int wide, uint8_t *at, int *touches_room) {
  Loop *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  l->program = p, l->step = p->step + first, l->steps = count;
  l->code = (Code){at, wide};
  memset(l->holds, -1, sizeof l->holds);
  find_values(l);
  begin_function(&l->code);
  take_pool(&l->code);
  l->registers = put_constants(l);
  const uint8_t *begin = begin_loop(&l->code);
  for (int s = 0; s < count; s++) put_step(l, s);
  end_loop(&l->code, begin);
  at = l->code.at;
  *touches_room |= l->touches_room;
  free(l);
  return at;
}

/* ---------------------------------------------------------------- programs */

/* The number of steps from `first` on that make one loop. A jump ends between loops. */
static int run_length(const Program *p, int first) {
  int count = 0;
  while (first + count < p->steps && count < MOST_STEPS && count_of(p->step + first + count)) {
    for (int s = 0; s < first + count && count; s++)
      if (p->step[s].op == OP_NEAR && s + p->step[s].c == first + count) return count;
    count++;
  }
  return count;
}

static uint8_t *fuse_for(Program *p, int set, uint8_t *at) {
  int touches_room = 0;
  for (int s = 0, count; s < p->steps; s += count ? count : 1) {
    count = run_length(p, s);
    if (count < 2) continue;
    void *begin = at;
    at = put_loop(p, s, count, set == FUSED_AVX512, at, &touches_room);
    if (!at) return NULL;
    memcpy(&p->fused[set][s].run, &begin, sizeof begin);
    p->fused[set][s].steps = count;
    p->is_one_loop[set] = count == p->steps && !touches_room;
  }
  return at;
}

static size_t most_bytes(const Program *p) {
  size_t bytes = 0;
  for (int s = 0, count; s < p->steps; s += count ? count : 1) {
    count = run_length(p, s);
    if (count > 1) bytes += (size_t)count * BYTES_OF_A_STEP + BYTES_OF_A_LOOP;
  }
  return bytes;
}

/* Fuse what can be fused, for each instruction set of this machine; without memory for code, or
   where the system refuses it, the steps run as they are. */
void actlas_fuse(Program *p, const int *has) {
  const size_t size = allowed ? most_bytes(p) * FUSED_SETS : 0;
  if (!size || !actlas_fuses()) return;
  uint8_t *code = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return;
  p->code = code, p->code_size = size;
  uint8_t *at = code;
  for (int set = 0; set < FUSED_SETS && at; set++) {
    if (!has[set]) continue;
    p->fused[set] = calloc((size_t)p->steps, sizeof *p->fused[set]);
    at = p->fused[set] ? fuse_for(p, set, at) : NULL;
  }
  if (!at || mprotect(code, size, PROT_READ | PROT_EXEC)) actlas_unfuse(p);
}

void actlas_unfuse(Program *p) {
  for (int set = 0; set < FUSED_SETS; set++) {
    free(p->fused[set]);
    p->fused[set] = NULL;
    p->is_one_loop[set] = 0;
  }
  if (p->code) munmap(p->code, p->code_size);
  p->code = NULL;
}

int actlas_fuses(void) {
  static int tried = 0, works = 0;
  if (!tried) {
    tried = 1;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    works = page != MAP_FAILED && !mprotect(page, 4096, PROT_READ | PROT_EXEC);
    if (page != MAP_FAILED) munmap(page, 4096);
  }
  return allowed && works;
}
#else
void actlas_fuse(Program *p, const int *has) { (void)p, (void)has; }
void actlas_unfuse(Program *p) { (void)p; }
int actlas_fuses(void) { return 0; }
#endif

int actlas_allow_fusing(int is_allowed) {
  allowed = is_allowed;
  return actlas_fuses();
}
