/* The short way of plain tensors: asked in C what Python would ask, since small tensors feel every
   step of it, and large ones too, whose memory has driven the interpreter out of the cache. What a
   tensor is and where it lies is told by DLPack's functions for libraries in C, in one call; what
   they do not say is asked as know_tensors tells. No torch headers. */
#include "module.h"

/* The part of DLPack that serves here (version 1, github.com/dmlc/dlpack): how a tensor lies in
   memory, and the functions that a library hands out with its tensors. */
enum { ON_CPU = 1, OF_FLOAT = 2, OF_BFLOAT = 4, KNOWN_VERSION = 1 };

typedef struct {
  char *data;
  int32_t device, device_number, dimensions;
  uint8_t kind, bits;
  uint16_t lanes;
  int64_t *shape, *strides; /* of the tensor's own, in elements */
  uint64_t offset;          /* in bytes */
} Lying;

typedef struct {
  uint32_t version, minor;
  void *older, *allocate, *lend, *make;
  int (*look)(void *tensor, Lying *found); /* 0, or -1 and an error: what has no memory cannot lie */
  void *stream;
} Exchange;

enum { MOST_FACTS = 8 };

typedef struct {
  int count;
  PyObject *asked[MOST_FACTS], *wanted[MOST_FACTS];
} Facts;

static PyObject *types; /* NULL: nothing is known yet, and the short way is closed */
static const Exchange *exchange;
static PyObject *empty_like, *threads_of, *grad_is_enabled, *learns_name;
static Facts answers, quiet;
static Py_ssize_t large; /* elements, from which a fresh buffer is worth large pages */

static int read_facts(PyObject *pairs, Facts *facts) {
  facts->count = 0;
  const Py_ssize_t count = PyTuple_Size(pairs);
  if (count < 0 || count > MOST_FACTS) return 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    PyObject *asked, *wanted;
    if (!PyArg_ParseTuple(PyTuple_GetItem(pairs, k), "OO", &asked, &wanted)) return 0;
    facts->asked[k] = asked, facts->wanted[k] = wanted;
  }
  facts->count = (int)count;
  return 1;
}

/* know_tensors(exchange, types, answers, quiet, (empty_like, get_num_threads, is_grad_enabled),
   large): the capsule of DLPack's functions; answers and quiet are pairs of a function, of the
   tensor or of nothing, and its result. Kept for good: the module lives as long as Python. */
PyObject *actlas_know_tensors(PyObject *self, PyObject *args) {
  PyObject *capsule, *known, *answer, *calm;
  types = NULL;
  if (!PyArg_ParseTuple(args, "OOOO(OOO)n", &capsule, &known, &answer, &calm, &empty_like, &threads_of,
                        &grad_is_enabled, &large) ||
      !read_facts(answer, &answers) || !read_facts(calm, &quiet)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "too many facts about tensors");
    return NULL;
  }
  exchange = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
  if (!exchange) return NULL;
  if (exchange->version != KNOWN_VERSION || !exchange->look) Py_RETURN_FALSE;
  Py_INCREF(args); /* and with it all that it holds */
  learns_name = PyUnicode_InternFromString("requires_grad");
  types = known;
  Py_RETURN_TRUE;
}

static int place_in(PyObject *tuple, PyObject *item) {
  const Py_ssize_t count = PyTuple_Size(tuple);
  for (Py_ssize_t k = 0; k < count; k++)
    if (PyTuple_GetItem(tuple, k) == item) return (int)k;
  return -1;
}

/* Whether an answer, a new reference or NULL after an error, is the one that is wanted. */
static int is(PyObject *found, PyObject *wanted) {
  const int same = found == wanted;
  Py_XDECREF(found);
  return same;
}

/* What memory holds: a number of engine.h, or -1. */
static int type_of(const Lying *x) {
  if (x->lanes != 1) return -1;
  if (x->kind == OF_FLOAT) return x->bits == 32 ? FLOAT32 : x->bits == 16 ? FLOAT16 : -1;
  return x->kind == OF_BFLOAT && x->bits == 16 ? BFLOAT16 : -1;
}

static int64_t count_of(const Lying *x) {
  int64_t count = 1;
  for (int k = 0; k < x->dimensions; k++) count *= x->shape[k];
  return count;
}

/* Whether the elements lie one after another, in whatever order of the dimensions. */
static int is_dense(const Lying *x, int64_t count) {
  int64_t next = 1;
  while (next < count) {
    int k = x->strides ? x->dimensions - 1 : -1;
    while (k >= 0 && (x->shape[k] == 1 || x->strides[k] != next)) k--;
    if (k < 0) return 0;
    next *= x->shape[k];
  }
  return next == count || !count;
}

/* Fill an operand in and return the number of its elements; -1 where a tensor does not lie in the
   processor's memory without gaps, or holds what does not run here. */
static int64_t operand_of(PyObject *x, Lying *lying, Operand *operand) {
  if (exchange->look(x, lying)) return PyErr_Clear(), -1;
  const int type = type_of(lying);
  const int64_t count = count_of(lying);
  if (type < 0 || lying->device != ON_CPU || !is_dense(lying, count) || (count && !lying->data))
    return -1;
  *operand = (Operand){lying->data + lying->offset, NULL, 1, 0, 1, type};
  return count;
}

static int is_tensor(PyObject *x) { return types && place_in(types, (PyObject *)Py_TYPE(x)) >= 0; }

static int answers_well(PyObject *x) {
  for (int k = 0; k < answers.count; k++)
    if (!is(PyObject_CallFunctionObjArgs(answers.asked[k], x, NULL), answers.wanted[k])) return 0;
  return 1;
}

static int is_quiet(void) {
  for (int k = 0; k < quiet.count; k++)
    if (!is(PyObject_CallNoArgs(quiet.asked[k]), quiet.wanted[k])) return 0;
  return 1;
}

/* Whether two tensors of `count` elements have the same one at every place in memory; where there is
   one element alone, or none, strides say nothing. */
static int lie_alike(const Lying *x, const Lying *y, int64_t count) {
  int alike = x->dimensions == y->dimensions;
  for (int k = 0; alike && k < x->dimensions; k++)
    alike = x->shape[k] == y->shape[k] &&
            (x->shape[k] == 1 || !count || x->strides[k] == y->strides[k]);
  return alike;
}

/* Fill in operands: the first tensor, others that lie alike and hold the same, and numbers for all
   of its elements, as parameters are; 0 where there are others. */
static int fill_in(PyObject *const *x, Py_ssize_t count, Job *job, Lying *first) {
  Lying other;
  if (count < 1 || count > MOST_OPERANDS) return 0;
  job->rows = 1;
  for (Py_ssize_t k = 0; k < count; k++) {
    Operand *operand = job->operand + k;
    const int64_t elements = is_tensor(x[k]) ? operand_of(x[k], k ? &other : first, operand) : -1;
    if (elements < 0) return 0;
    if (!k) job->columns = elements;
    else if (elements == 1 && job->columns != 1 && other.dimensions <= first->dimensions) operand->column = 0;
    else if (operand->type != job->operand[0].type || !lie_alike(first, &other, elements)) return 0;
  }
  return 1;
}

/* Fill in a job over plain tensors while nobody watches; 0 otherwise, and after an error. */
static int served(PyObject *const *x, Py_ssize_t count, Job *job, Lying *first) {
  int are_plain = fill_in(x, count, job, first);
  for (Py_ssize_t k = 0; k < count && are_plain; k++) are_plain = answers_well(x[k]);
  return are_plain && is_quiet();
}

PyObject *actlas_serves(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  const int runs = served(args, count, &job, &first);
  return PyErr_Occurred() ? NULL : PyBool_FromLong(runs);
}

/* Make a new tensor like the one that `operand` stands for, which lies as given, and fill its own
   operand in; NULL at an error. */
static PyObject *make_result(PyObject *like, const Lying *given, const Job *job, Operand *operand) {
  PyObject *y = PyObject_CallFunctionObjArgs(empty_like, like, NULL);
  if (!y) return NULL;
  Lying made;
  const int64_t elements = operand_of(y, &made, operand);
  if (elements < 0 || operand->type != job->operand[0].type || !lie_alike(given, &made, elements)) {
    Py_DECREF(y);
    PyErr_SetString(PyExc_RuntimeError, "torch.empty_like made another kind of tensor");
    return NULL;
  }
  if (elements >= large) actlas_advise((uintptr_t)operand->data, elements * (operand->type ? 2 : 4));
  return y;
}

/* Make the results of a job: the k-th is like input number like[k], or like the first without
   `like`. What is like a number is summed up into `sums`; 0 at an error. */
static int make_results(PyObject *const *x, const Lying *first, const int *like, PyObject **y,
                        Py_ssize_t inputs, double *sums, Job *job) {
  for (int k = 0; k < job->program->outputs; k++) {
    Operand *operand = job->operand + inputs + k;
    if (like && !job->operand[like[k]].column) {
      sums[k] = 0;
      *operand = (Operand){(char *)(sums + k), NULL, 1, 0, 0, FLOAT64_SUM};
      y[k] = PyObject_CallFunctionObjArgs(empty_like, x[like[k]], NULL);
    } else
      y[k] = make_result(x[like ? like[k] : 0], first, job, operand);
    if (!y[k]) return 0;
  }
  return 1;
}

/* Write the sums of single numbers into their tensors. */
static int keep_sums(const Job *job, PyObject **y, Py_ssize_t inputs, const double *sums) {
  for (int k = 0; k < job->program->outputs; k++) {
    Lying made;
    Operand operand;
    if (job->operand[inputs + k].type != FLOAT64_SUM) continue;
    if (operand_of(y[k], &made, &operand) != 1)
      return PyErr_SetString(PyExc_RuntimeError, "torch.empty_like made another kind of tensor"), 0;
    *(float *)operand.data = (float)sums[k];
  }
  return 1;
}

static int threads(void) {
  PyObject *found = PyObject_CallNoArgs(threads_of);
  const long count = found ? PyLong_AsLong(found) : -1;
  Py_XDECREF(found);
  return (int)count;
}

/* One tensor, or a tuple of several; the references go with it. */
static PyObject *packed(PyObject **y, int count) {
  if (count == 1) return y[0];
  PyObject *all = PyTuple_New(count);
  for (int k = 0; k < count; k++) {
    if (all) PyTuple_SetItem(all, k, y[k]); /* which takes the reference */
    else Py_DECREF(y[k]);
  }
  return all;
}

/* Run a job over its inputs; return new tensors like the first, or each like input number like[k]. */
static PyObject *run(Job *job, PyObject *const *x, const Lying *first, const int *like, Py_ssize_t inputs) {
  const Program *p = job->program;
  if (p->inputs != inputs || p->outputs < 1)
    return PyErr_Format(PyExc_TypeError, "wrong number of operands");
  PyObject *y[MOST_OPERANDS] = {NULL}, *done = NULL;
  double sums[MOST_OPERANDS];
  if (make_results(x, first, like, y, inputs, sums, job)) {
    const int most = job->columns <= GRAIN ? 1 : threads();
    done = PyErr_Occurred() ? NULL : actlas_finish(job, most);
  }
  const int kept = done && keep_sums(job, y, inputs, sums);
  for (int k = 0; k < p->outputs && !kept; k++) Py_XDECREF(y[k]);
  Py_XDECREF(done);
  return kept ? packed(y, p->outputs) : NULL;
}

/* Whether all are tensors of which none wants a gradient, or gradients are off: asked first, since
   in training the rest is asked on the way of autograd. */
static int none_learns(PyObject *const *x, Py_ssize_t count) {
  for (Py_ssize_t k = 0; k < count; k++) {
    if (!is_tensor(x[k])) return 0;
    if (!is(PyObject_GetAttr(x[k], learns_name), Py_False))
      return !PyErr_Occurred() && is(PyObject_CallNoArgs(grad_is_enabled), Py_False);
  }
  return 1;
}

/* Fill in a job for the short way of a program; 0 where it is closed or a gradient is wanted. */
static int prepare(PyObject *capsule, PyObject *const *x, Py_ssize_t count, Job *job, Lying *first) {
  if (!none_learns(x, count) || !served(x, count, job, first) || PyErr_Occurred()) return 0;
  job->program = PyCapsule_GetPointer(capsule, ACTLAS_PROGRAM);
  return job->program != NULL;
}

static PyObject *closed(void) {
  if (PyErr_Occurred()) return NULL;
  Py_RETURN_NONE;
}

/* value(program, x, ...): a new tensor for each result, or None where the short way is closed or a
   gradient is wanted. */
PyObject *actlas_value(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job; /* not cleared: there is room for many more operands than there are */
  Lying first;
  if (!prepare(args[0], args + 1, count - 1, &job, &first)) return closed();
  return run(&job, args + 1, &first, NULL, count - 1);
}

/* gradients(program, wanted, x, ..., grad): grad * df/dx for the tensors number `wanted`, a tuple, or
   None as above. That of a number is summed up, in single precision alone. */
PyObject *actlas_gradients(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  int like[MOST_OPERANDS];
  PyObject *const *x = args + 2;
  if (!prepare(args[0], x, count - 2, &job, &first)) return closed();
  const Py_ssize_t results = PyTuple_Size(args[1]);
  if (results != job.program->outputs) return PyErr_Format(PyExc_TypeError, "wrong number of gradients");
  for (Py_ssize_t k = 0; k < results; k++) {
    like[k] = (int)PyLong_AsLong(PyTuple_GetItem(args[1], k));
    if (like[k] < 0 || like[k] >= count - 3) return PyErr_Format(PyExc_IndexError, "no such tensor");
    const Operand *operand = job.operand + like[k];
    if (!operand->column && operand->type != FLOAT32) Py_RETURN_NONE;
  }
  return run(&job, x, &first, like, count - 2);
}

/* into(program, x, ...): as value, where the caller has asked already, and autograd is not asked. */
PyObject *actlas_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  if (!fill_in(args + 1, count - 1, &job, &first))
    return PyErr_Format(PyExc_TypeError, "into takes a program and plain tensors that lie alike");
  job.program = PyCapsule_GetPointer(args[0], ACTLAS_PROGRAM);
  return job.program ? run(&job, args + 1, &first, NULL, count - 1) : NULL;
}

/* Whether the result may be written there: into an input itself, or where none of them lies. */
static int stays_clear(const Job *job, Py_ssize_t inputs) {
  const Operand *out = job->operand + inputs;
  const int64_t size = job->columns * (out->type ? 2 : 4);
  for (Py_ssize_t k = 0; k < inputs; k++) {
    const int64_t apart = job->operand[k].data - out->data;
    const int64_t least = job->operand[k].column ? -size : -4;
    if (apart > least && apart < size && (apart || !job->operand[k].column)) return 0;
  }
  return 1;
}

/* write(program, x, ..., out): the value into `out`, and True; None where the short way is closed, a
   gradient is wanted, or `out` shares a part of an input's memory. */
PyObject *actlas_write(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  const Py_ssize_t inputs = count - 2;
  if (!prepare(args[0], args + 1, count - 1, &job, &first)) return closed();
  if (job.program->inputs != inputs || job.program->outputs != 1)
    return PyErr_Format(PyExc_TypeError, "wrong number of operands");
  if (!job.operand[inputs].column || !stays_clear(&job, inputs)) Py_RETURN_NONE;
  const int most = job.columns <= GRAIN ? 1 : threads();
  PyObject *done = PyErr_Occurred() ? NULL : actlas_finish(&job, most);
  Py_XDECREF(done);
  return done ? PyBool_FromLong(1) : NULL;
}
