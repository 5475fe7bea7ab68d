/* The Python side: programs are made once, then run over memory given by its address.
   No torch headers; threads are those of the OpenMP library that torch has loaded. */
#include "module.h"
#include "fuse.h"
#include <stdlib.h>
#include <math.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { MOST_TASKS = 256 };

/* ---------------------------------------------------------------- instruction sets */

static Runner *runner = actlas_run_generic;

static int processor_has(const char *isa) {
#ifdef ACTLAS_X86
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!strcmp(isa, "avx2")) return avx2;
  if (!strcmp(isa, "avx512"))
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
  return !strcmp(isa, "generic");
}

static int has(const char *isa) {
#ifdef ACTLAS_EMULATED
  if (!strcmp(isa, "avx512")) return 1;
#endif
  return processor_has(isa);
}

static PyObject *py_has(PyObject *self, PyObject *name) {
  PyObject *bytes = PyUnicode_AsUTF8String(name);
  if (!bytes) return NULL;
  const int found = has(PyBytes_AsString(bytes));
  Py_DECREF(bytes);
  return PyBool_FromLong(found);
}

static PyObject *py_use(PyObject *self, PyObject *name) {
  PyObject *bytes = PyUnicode_AsUTF8String(name);
  if (!bytes) return NULL;
  const char *isa = PyBytes_AsString(bytes);
  const int found = has(isa);
  if (found) runner = actlas_run_generic;
#ifdef ACTLAS_X86
  if (found && !strcmp(isa, "avx2")) runner = actlas_run_avx2;
  if (found && !strcmp(isa, "avx512")) runner = actlas_run_avx512;
#endif
  Py_DECREF(bytes);
  if (!found) return PyErr_Format(PyExc_ValueError, "this machine cannot run %U", name);
  Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- programs */

const char ACTLAS_PROGRAM[] = "actlas.program";

static void free_program(Program *p) {
  if (!p) return;
  actlas_unfuse(p);
  for (int k = 0; p->table && k < p->tables; k++)
    free((void *)p->table[k].rows), free((void *)p->table[k].core);
  free((void *)p->pieces), free((void *)p->table), free((void *)p->step), free((void *)p->values), free((void *)p->from);
  free(p);
}

static PyObject *py_fuse(PyObject *self, PyObject *is_allowed) {
  const int allowed = PyObject_IsTrue(is_allowed);
  return allowed < 0 ? NULL : PyBool_FromLong(actlas_allow_fusing(allowed));
}

static void destroy(PyObject *capsule) {
  free_program((Program *)PyCapsule_GetPointer(capsule, ACTLAS_PROGRAM));
}

static void *copy_of(const char *data, Py_ssize_t size) {
  void *copy = malloc(size ? (size_t)size : 1);
  return copy ? memcpy(copy, data, (size_t)size) : NULL;
}

/* A table is the tuple (rows, inverse, reach, at_zero, at_low, at_high, near, far, bits, half,
   power, has_zero, core, core_reach, roots, closed). */
static int read_table(PyObject *item, Table *t) {
  const char *rows, *core, *roots;
  Py_ssize_t size, core_size, roots_size;
  if (!PyArg_ParseTuple(item, "y#fffffiiiiiiy#fy#i", &rows, &size, &t->inverse, &t->reach, &t->at_zero,
                        &t->at_low, &t->at_high, &t->near, &t->far, &t->bits, &t->half,
                        &t->power, &t->has_zero, &core, &core_size, &t->core_reach,
                        &roots, &roots_size, &t->closed))
    return 0;
  if (size != (Py_ssize_t)sizeof(float) * 8 * t->half || t->near + t->far != t->half) {
    PyErr_SetString(PyExc_ValueError, "a table has the wrong number of rows");
    return 0;
  }
  const Py_ssize_t power_size = sizeof(float) * PICKED;
  if (core_size % power_size || core_size == power_size || (core_size && !(t->core_reach > 0)) ||
      roots_size % 8 || roots_size > (Py_ssize_t)sizeof t->root) {
    PyErr_SetString(PyExc_ValueError, "the core of a table has the wrong size");
    return 0;
  }
  t->roots = (int32_t)(roots_size / 8);
  memcpy(t->root, roots, (size_t)roots_size);
  t->core_degree = (int32_t)(core_size / power_size) - 1;
  t->affine = ldexpf(t->reach, (t->far - 1) >> t->bits);
  t->rows = copy_of(rows, size);
  t->core = core_size ? copy_of(core, core_size) : NULL;
  return t->rows && (t->core || !core_size) ? 1 : (PyErr_NoMemory(), 0);
}

/* Pieces are the tuple (knots, rows, anchor, low, high); the rows of each power one after another. */
static int read_pieces(PyObject *item, Pieces *p) {
  const char *knots, *rows;
  Py_ssize_t knots_size, rows_size;
  if (!PyArg_ParseTuple(item, "y#y#fff", &knots, &knots_size, &rows, &rows_size, &p->anchor, &p->low,
                        &p->high))
    return 0;
  const Py_ssize_t intervals = knots_size / 4 + 1, powers = rows_size / 4 / intervals;
  if (intervals > MOST_KNOTS + 1 || powers < 1 || powers > MOST_DEGREE + 1 ||
      knots_size != 4 * (intervals - 1) || rows_size != 4 * powers * intervals) {
    PyErr_SetString(PyExc_ValueError, "pieces have the wrong number of knots or rows");
    return 0;
  }
  p->largest = 3.40282347e38f;
  p->knots = (int32_t)intervals - 1;
  p->degree = (int32_t)powers - 1;
  memcpy(p->knot, knots, (size_t)knots_size);
  for (Py_ssize_t k = 0; k < powers; k++)
    memcpy(p->row[k], rows + 4 * intervals * k, (size_t)(4 * intervals));
  return 1;
}

/* Whether every register, table and jump of a program exists. */
static int stays_inside(const Program *p) {
  if (p->inputs < 1 || p->inputs + p->constants > p->registers) return 0;
  for (int k = 0; k < p->outputs; k++)
    if (p->from[k] < 0 || p->from[k] >= p->registers) return 0;
  for (int k = 0; k < p->steps; k++) {
    const Step *s = p->step + k;
    const int32_t room = s->op == OP_TABLE    ? p->tables
                         : s->op == OP_PIECES ? p->splines
                         : s->op == OP_NEAR   ? p->steps - k + 1
                                              : p->registers;
    const int32_t named[] = {s->to, s->a, s->b, s->d};
    for (int i = 0; i < 4; i++)
      if (named[i] < 0 || named[i] >= p->registers) return 0;
    if (s->op < 0 || s->op > OP_PIECES || s->c < (s->op == OP_NEAR) || s->c >= room) return 0;
  }
  return 1;
}

/* program(inputs, registers, from, values, steps, tables, pieces): int32, float32 and int32 arrays
   as bytes, and tuples of tables and of pieces. */
static PyObject *py_program(PyObject *self, PyObject *args) {
  const char *from, *values, *steps;
  Py_ssize_t from_size, values_size, steps_size;
  PyObject *tables, *splines;
  Program *p = calloc(1, sizeof *p);
  if (!p) return PyErr_NoMemory();
  if (!PyArg_ParseTuple(args, "iiy#y#y#O!O!", &p->inputs, &p->registers, &from, &from_size,
                        &values, &values_size, &steps, &steps_size, &PyTuple_Type, &tables,
                        &PyTuple_Type, &splines))
    goto fail;
  p->outputs = (int32_t)(from_size / 4);
  p->constants = (int32_t)(values_size / 4);
  p->steps = (int32_t)(steps_size / (Py_ssize_t)sizeof(Step));
  p->tables = (int32_t)PyTuple_Size(tables);
  p->splines = (int32_t)PyTuple_Size(splines);
  if (p->registers > MOST_REGISTERS || p->inputs + p->outputs > MOST_OPERANDS) {
    PyErr_SetString(PyExc_ValueError, "the program is too large");
    goto fail;
  }
  p->from = copy_of(from, from_size);
  p->values = copy_of(values, values_size);
  p->step = copy_of(steps, steps_size);
  Table *table = calloc((size_t)p->tables + 1, sizeof *table);
  p->table = table;
  Pieces *pieces = calloc((size_t)p->splines + 1, sizeof *pieces);
  p->pieces = pieces;
  if (!p->from || !p->values || !p->step || !table || !pieces) {
    PyErr_NoMemory();
    goto fail;
  }
  for (int k = 0; k < p->tables; k++)
    if (!read_table(PyTuple_GetItem(tables, k), table + k)) goto fail;
  for (int k = 0; k < p->splines; k++)
    if (!read_pieces(PyTuple_GetItem(splines, k), pieces + k)) goto fail;
  if (!stays_inside(p)) {
    PyErr_SetString(PyExc_ValueError, "a step names a register or a table that is not there");
    goto fail;
  }
  const int sets[FUSED_SETS] = {processor_has("avx2"), processor_has("avx512")};
  actlas_fuse(p, sets);
  return PyCapsule_New(p, ACTLAS_PROGRAM, destroy);
fail:
  free_program(p);
  return NULL;
}

/* ---------------------------------------------------------------- running */

typedef void Parallel(void (*)(void *), void *, unsigned, unsigned);
typedef int Number(void);
static Parallel *parallel; /* GOMP_parallel of torch's own OpenMP, or NULL */
static Number *thread_number;

typedef struct {
  const Job *job;
  double **sums; /* one row of pointers for each task */
  int64_t total;
  int tasks, outputs;
  char taken[MOST_TASKS * 4]; /* atomic */
} Tasks;

static void run_task(const Tasks *all, int task) {
  const int64_t share = (all->total / all->tasks + BLOCK) / BLOCK * BLOCK, begin = share * task;
  const int64_t end = begin + share < all->total ? begin + share : all->total;
  if (begin < end) runner(all->job, begin, end, all->sums + task * all->outputs);
}

/* Every thread has the same part each time, as in torch, for that lies in its own cache; then it
   takes what another has not begun. */
static void work(void *data) {
  Tasks *all = data;
  const int own = all->tasks > 1 ? thread_number() : 0;
  for (int k = 0; k < all->tasks; k++) {
    const int task = (own + k) % all->tasks;
    if (!__atomic_exchange_n(all->taken + task, 1, __ATOMIC_RELAXED)) run_task(all, task);
  }
}

static int64_t extent(const Operand *o, int64_t rows, int64_t columns) {
  const int64_t period = o->period < rows ? o->period : rows;
  return (period - 1) * o->row + (columns - 1) * o->column + 1;
}

/* Every task adds into sums of its own; they are put together in order, so that the result
   depends on the number of threads only. */
static int make_sums(const Job *job, Tasks *all) {
  for (int k = 0; k < all->outputs; k++) {
    const Operand *o = job->operand + job->program->inputs + k;
    if (o->type != FLOAT64_SUM) continue;
    for (int t = 0; t < all->tasks; t++) {
      double *sum = calloc((size_t)extent(o, job->rows, job->columns), sizeof *sum);
      if (!sum) return 0;
      all->sums[t * all->outputs + k] = sum;
    }
  }
  return 1;
}

static void collect_sums(const Job *job, Tasks *all) {
  for (int k = 0; k < all->outputs; k++) {
    const Operand *o = job->operand + job->program->inputs + k;
    for (int t = 0; t < all->tasks; t++) {
      double *sum = all->sums[t * all->outputs + k];
      if (!sum) continue;
      const int64_t size = extent(o, job->rows, job->columns);
      for (int64_t i = 0; i < size; i++) ((double *)o->data)[i] += sum[i];
      free(sum);
    }
  }
}

static int execute(const Job *job, int threads) {
  double *sums[MOST_TASKS * 4];
  Tasks all;
  all.job = job, all.sums = sums, all.outputs = job->program->outputs;
  all.total = job->rows * job->columns, all.tasks = 1;
  const int64_t most = all.total / GRAIN;
  if (parallel && threads > 1 && most > 1) all.tasks = most < threads ? (int)most : threads;
  if (all.tasks * all.outputs > MOST_TASKS * 4) all.tasks = MOST_TASKS * 4 / all.outputs;
  for (int k = 0; k < all.tasks * all.outputs; k++) sums[k] = NULL;
  memset(all.taken, 0, (size_t)all.tasks);
  const int ready = make_sums(job, &all);
  if (ready && all.tasks > 1) parallel(work, &all, (unsigned)all.tasks, 0);
  else if (ready) work(&all);
  collect_sums(job, &all);
  return ready;
}

/* Run a job; other Python threads may go on meanwhile where it takes longer than to let them. */
PyObject *actlas_finish(const Job *job, int threads) {
  PyThreadState *others = job->rows * job->columns > LONG_BLOCK * 4 ? PyEval_SaveThread() : NULL;
  const int done = execute(job, threads);
  if (others) PyEval_RestoreThread(others);
  if (!done) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

/* grid(program, threads, rows, columns, operands): six int64 for each operand, as bytes. */
static PyObject *py_grid(PyObject *self, PyObject *args) {
  PyObject *capsule;
  int threads;
  long long rows, columns;
  const char *data;
  Py_ssize_t size;
  if (!PyArg_ParseTuple(args, "OiLLy#", &capsule, &threads, &rows, &columns, &data, &size))
    return NULL;
  const Program *p = PyCapsule_GetPointer(capsule, ACTLAS_PROGRAM);
  if (!p) return NULL;
  if (size != (Py_ssize_t)(48 * (p->inputs + p->outputs)))
    return PyErr_Format(PyExc_TypeError, "wrong number of operands");
  Job job;
  job.program = p, job.rows = rows, job.columns = columns;
  for (int k = 0; k < p->inputs + p->outputs; k++) {
    int64_t field[6];
    memcpy(field, data + 48 * k, sizeof field);
    job.operand[k] = (Operand){(char *)(intptr_t)field[0], (const float *)(intptr_t)field[1],
                               field[2], field[3], field[4], (int32_t)field[5]};
  }
  return actlas_finish(&job, threads);
}

static PyObject *py_use_threads_of(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "use_threads_of takes two addresses");
  void *run = PyLong_AsVoidPtr(args[0]), *number = PyLong_AsVoidPtr(args[1]);
  if (PyErr_Occurred()) return NULL;
  memcpy(&parallel, &run, sizeof run);
  memcpy(&thread_number, &number, sizeof number);
  Py_RETURN_NONE;
}

/* Ask for large pages behind a fresh buffer: a page fault costs more than the arithmetic. */
long actlas_advise(uintptr_t begin, int64_t size) {
  long result = -1;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const uintptr_t end = begin + (uintptr_t)size;
  begin = (begin + 4095) & ~(uintptr_t)4095;
  if (begin < end) result = madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#endif
  return result;
}

static PyObject *py_advise(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "advise takes an address and a size");
  const uintptr_t begin = (uintptr_t)PyLong_AsVoidPtr(args[0]);
  const int64_t size = PyLong_AsLongLong(args[1]);
  return PyErr_Occurred() ? NULL : PyLong_FromLong(actlas_advise(begin, size));
}

static PyMethodDef METHODS[] = {
    {"has", py_has, METH_O, "Say whether this machine runs an instruction set."},
    {"use", py_use, METH_O, "Choose the instruction set for all programs."},
    {"fuse", py_fuse, METH_O, "Allow that steps of new programs are fused, or not; say whether they are."},
    {"program", py_program, METH_VARARGS, "Make a program."},
    {"grid", py_grid, METH_VARARGS, "Run over rows and columns with strides."},
    {"use_threads_of", (PyCFunction)(void (*)(void))py_use_threads_of, METH_FASTCALL, "Take over the addresses of GOMP_parallel and omp_get_thread_num."},
    {"advise", (PyCFunction)(void (*)(void))py_advise, METH_FASTCALL, "Ask for large pages."},
    {"know_tensors", actlas_know_tensors, METH_VARARGS, "Learn what a plain tensor is."},
    {"serves", (PyCFunction)(void (*)(void))actlas_serves, METH_FASTCALL, "Say whether tensors are plain and alike."},
    {"value", (PyCFunction)(void (*)(void))actlas_value, METH_FASTCALL, "Run over a plain tensor, or say None."},
    {"gradients", (PyCFunction)(void (*)(void))actlas_gradients, METH_FASTCALL, "Return gradients, or say None."},
    {"write", (PyCFunction)(void (*)(void))actlas_write, METH_FASTCALL, "Run into a ready tensor, or say None."},
    {"into", (PyCFunction)(void (*)(void))actlas_into, METH_FASTCALL, "Run into a new tensor."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_engine",
                                    "The CPU engine: programs of tables and arithmetic.", -1, METHODS};

PyMODINIT_FUNC PyInit__engine(void) { return PyModule_Create(&MODULE); }
